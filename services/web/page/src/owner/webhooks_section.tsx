// Where the run's answers are sent as they come, and how far each delivery has got.

import { useEffect, useRef, useState } from "preact/hooks";

import { call } from "../connect/call";
import { num, type Webhook } from "../connect/messages";
import { usePolled } from "../shell/polling";
import { ConfirmDialog } from "../shell/confirm_dialog";
import { Copied } from "../shell/copied";
import type { SectionContext } from "./section_context";
import { Problem, Section, Time, useAction } from "../shell/parts";

const EVERY_MS = 2000;

interface Created {
  url: string;
  secret: string;
}

export function WebhooksSection({ run: { runId } }: SectionContext) {
  const listed = usePolled(`webhooks ${runId}`, EVERY_MS, () => call("ListWebhooks", { runId }));
  const [created, setCreated] = useState<Created | null>(null);
  const [leaving, setLeaving] = useState<Webhook | null>(null);
  const remove = async ({ webhookId }: Webhook) => {
    await call("DeleteWebhook", { webhookId });
    listed.refresh();
  };
  const lead =
    "Sends each row of the log to your address as it comes: from the first row on, in order, signed, until it is accepted.";
  return (
    <Section id="webhooks" title="Webhooks" lead={lead} loaded={listed}>
      <CreateForm
        runId={runId}
        onCreated={(webhook) => {
          setCreated(webhook);
          listed.refresh();
        }}
      />
      {created ? <SecretCard created={created} onClose={() => setCreated(null)} /> : null}
      {listed.value?.webhooks?.length ? (
        <WebhooksTable webhooks={listed.value.webhooks} newest={num(listed.value.newestLogCursor)} onDelete={setLeaving} />
      ) : null}
      {leaving ? <DeleteDialog webhook={leaving} onConfirm={remove} onClose={() => setLeaving(null)} /> : null}
    </Section>
  );
}

function CreateForm({ runId, onCreated }: { runId: string; onCreated: (created: Created) => void }) {
  const [url, setUrl] = useState("");
  const action = useAction();
  const onSubmit = (event: Event) => {
    event.preventDefault();
    void action.run(async () => {
      const { secret } = await call("CreateWebhook", { runId, url: url.trim() });
      setUrl("");
      onCreated({ url: url.trim(), secret });
    });
  };
  return (
    <form class="panel inline" id="webhook-form" autocomplete="off" onSubmit={onSubmit}>
      <label>
        Address, with https
        <input
          id="webhook-url"
          required
          maxLength={2000}
          placeholder="https://"
          spellcheck={false}
          value={url}
          onInput={(event) => setUrl(event.currentTarget.value)}
        />
      </label>
      <button type="submit" class="primary" disabled={action.isBusy}>
        Create
      </button>
      {action.problem ? <Problem sentence={action.problem} /> : null}
    </form>
  );
}

function SecretCard({ created, onClose }: { created: Created; onClose: () => void }) {
  const card = useRef<HTMLDivElement>(null);
  useEffect(() => card.current?.focus(), [created.secret]);
  return (
    <div class="panel token" id="secret-card" ref={card} tabIndex={-1} role="group" aria-labelledby="secret-title">
      <h3 id="secret-title">Secret of {created.url}</h3>
      <p>
        <strong>This is shown only once.</strong> Give it to the receiver, which uses it to verify what comes from here.
      </p>
      <Copied id="secret-value" label="Secret" value={created.secret} />
      <div class="actions end">
        <button type="button" class="quiet" onClick={onClose}>
          Done
        </button>
      </div>
    </div>
  );
}

interface TableProps {
  webhooks: Webhook[];
  newest: number;
  onDelete: (webhook: Webhook) => void;
}

function WebhooksTable({ webhooks, newest, onDelete }: TableProps) {
  return (
    <div class="scroller" tabIndex={0} role="region" aria-label="Webhooks">
      <table class="rows" id="webhooks-table">
        <thead>
          <tr>
            <th scope="col">Address</th>
            <th scope="col">Rows delivered</th>
            <th scope="col">State</th>
            <th scope="col">
              <span class="unseen">Changes</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {webhooks.map((webhook) => (
            <tr key={webhook.webhookId}>
              <th scope="row">
                {webhook.url}
                <small>{webhook.webhookId}</small>
              </th>
              <td class="number">
                {num(webhook.deliveredCursor)} of {newest}
              </td>
              <td class="detail">
                <State webhook={webhook} newest={newest} />
              </td>
              <td class="buttons">
                <button type="button" class="small bad" onClick={() => onDelete(webhook)}>
                  Delete
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function State({ webhook, newest }: { webhook: Webhook; newest: number }) {
  const failures = num(webhook.numFailures);
  if (failures > 0) {
    return (
      <>
        <span class="chip bad">{failures === 1 ? "failed once" : `failed ${failures} times`}</span> {webhook.error},{" "}
        <Time at={webhook.errorTime} />
      </>
    );
  }
  if (num(webhook.deliveredCursor) < newest) return <>delivering</>;
  if (!webhook.successTime) return <>nothing to send yet</>;
  return (
    <>
      up to date, <Time at={webhook.successTime} />
    </>
  );
}

interface DeleteDialogProps {
  webhook: Webhook;
  onConfirm: (webhook: Webhook) => Promise<void>;
  onClose: () => void;
}

function DeleteDialog({ webhook, onConfirm, onClose }: DeleteDialogProps) {
  return (
    <ConfirmDialog
      id="delete-webhook"
      title="Delete this webhook?"
      action="Delete"
      isBad
      onConfirm={() => onConfirm(webhook)}
      onClose={onClose}
    >
      <p>Nothing more will be sent to {webhook.url}. All answers are kept. A new webhook starts again from the first row.</p>
    </ConfirmDialog>
  );
}
