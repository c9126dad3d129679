// Who may call: invitations, new tokens, ends of sessions and revocation.

import { useState } from "preact/hooks";

import { call } from "../../connect/call";
import type { Labeler, Role } from "../../connect/messages";
import { logIn } from "../../connect/session";
import { ConfirmDialog } from "../../shell/confirm_dialog";
import { readAll, useLoaded } from "../../shell/loading";
import { labelerPath } from "./labeler_section";
import type { SectionContext } from "../section_context";
import { Problem, ROLE_NAMES, Section, Time, useAction } from "../../shell/parts";
import { TokenCard, type ShownToken } from "./token_card";

type Change = { kind: "log_out" | "rotate" | "revoke" | "remove"; labeler: Labeler };

export function LabelersSection({ session, run: { runId } }: SectionContext) {
  const labelers = useLoaded("labelers", () => readAll("ListLabelers"));
  const [shown, setShown] = useState<ShownToken | null>(null);
  const [change, setChange] = useState<Change | null>(null);
  const show = async (token: ShownToken) => {
    setShown(token);
    await labelers.reload();
  };
  const confirm = async ({ kind, labeler }: Change) => {
    const { labelerId } = labeler;
    if (kind !== "rotate") {
      if (kind === "log_out") await call("EndSessions", { labelerId });
      else if (kind === "revoke") await call("RevokeToken", { labelerId });
      else await call("RemoveLabeler", { labelerId, runId });
      return labelers.reload();
    }
    const { token } = await call("RotateToken", { labelerId });
    // Replacing one's own token would log one out.
    if (labelerId === session.labelerId) await logIn(token);
    return show({ name: labeler.name ?? "", role: labeler.role, token });
  };
  const add = async (labeler: Labeler) => {
    await call("InviteLabeler", { labelerId: labeler.labelerId, runId });
    await labelers.reload();
  };
  const origin = session.publicUrl || location.origin;
  const lead = "No one can sign up: you invite, to one run at a time. A token is shown once, and only its hash is stored.";
  return (
    <Section id="labelers" title="Labelers" lead={lead} loaded={labelers}>
      <InviteForm runId={runId} onInvited={show} />
      {shown ? <TokenCard shown={shown} origin={origin} onClose={() => setShown(null)} /> : null}
      <LabelersTable
        labelers={labelers.value ?? []}
        runId={runId}
        ownId={session.labelerId}
        onChange={setChange}
        onAdd={add}
      />
      {change ? <ChangeDialog change={change} runId={runId} onConfirm={confirm} onClose={() => setChange(null)} /> : null}
    </Section>
  );
}

interface InviteProps {
  runId: string;
  onInvited: (shown: ShownToken) => Promise<void>;
}

function InviteForm({ runId, onInvited }: InviteProps) {
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("ROLE_LABELER");
  const action = useAction();
  const onSubmit = (event: Event) => {
    event.preventDefault();
    void action.run(async () => {
      const { token } = await call("CreateLabeler", { name: name.trim(), role, runIds: [runId] });
      setName("");
      await onInvited({ name: name.trim(), role, token });
    });
  };
  return (
    <form class="panel inline" id="invite-form" autocomplete="off" onSubmit={onSubmit}>
      <label>
        Name
        <input
          id="invite-name"
          required
          maxLength={100}
          value={name}
          onInput={(event) => setName(event.currentTarget.value)}
        />
      </label>
      <label>
        Role
        <select
          id="invite-role"
          value={role}
          onChange={(event) => setRole(event.currentTarget.value as Role)}
        >
          <option value="ROLE_LABELER">labeler: a person who answers</option>
          <option value="ROLE_TEACHER">teacher: a program that answers</option>
          <option value="ROLE_SERVICE">service: proposes questions</option>
          <option value="ROLE_OWNER">owner: everything on this page</option>
        </select>
      </label>
      <button type="submit" class="primary" disabled={action.isBusy}>
        Invite
      </button>
      {action.problem ? <Problem sentence={action.problem} /> : null}
    </form>
  );
}

interface TableProps {
  labelers: Labeler[];
  runId: string;
  ownId: string;
  onChange: (change: Change) => void;
  onAdd: (labeler: Labeler) => Promise<void>;
}

function LabelersTable({ labelers, runId, ownId, onChange, onAdd }: TableProps) {
  const action = useAction();
  return (
    <>
      {action.problem ? <Problem sentence={action.problem} /> : null}
      <LabelerRows
        {...{ labelers, runId, ownId, onChange }}
        onAdd={async (labeler) => void (await action.run(() => onAdd(labeler)))}
      />
    </>
  );
}

function LabelerRows({ labelers, runId, ownId, onChange, onAdd }: TableProps) {
  return (
    <div class="scroller" tabIndex={0} role="region" aria-label="Labelers">
      <table class="rows" id="labelers-table">
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Role</th>
            <th scope="col">Invited</th>
            <th scope="col">State</th>
            <th scope="col">This run</th>
            <th scope="col">
              <span class="unseen">Changes</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {labelers.map((labeler) => (
            <tr key={labeler.labelerId} data-labeler={labeler.labelerId} class={labeler.revokeTime ? "over" : ""}>
              <th scope="row">
                <Name labeler={labeler} /> {labeler.labelerId === ownId ? <span class="chip">you</span> : null}
                <small>{labeler.labelerId}</small>
              </th>
              <td>{ROLE_NAMES[labeler.role]}</td>
              <td>
                <Time at={labeler.createTime} />
              </td>
              <td>
                {labeler.revokeTime ? (
                  <>
                    revoked <Time at={labeler.revokeTime} />
                  </>
                ) : (
                  "active"
                )}
              </td>
              <td>{memberOf(labeler, runId) ? "member" : "no"}</td>
              <td class="buttons">
                {labeler.isEverywhere ? null : memberOf(labeler, runId) ? (
                  <button type="button" class="small" onClick={() => onChange({ kind: "remove", labeler })}>
                    Remove
                  </button>
                ) : (
                  <button type="button" class="small" onClick={() => void onAdd(labeler)}>
                    Add to this run
                  </button>
                )}
                {labeler.revokeTime ? null : (
                  <button type="button" class="small" onClick={() => onChange({ kind: "log_out", labeler })}>
                    Log out
                  </button>
                )}
                <button type="button" class="small" onClick={() => onChange({ kind: "rotate", labeler })}>
                  New token
                </button>
                {labeler.revokeTime ? null : (
                  <button type="button" class="small bad" onClick={() => onChange({ kind: "revoke", labeler })}>
                    Revoke
                  </button>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Return whether a labeler's token is good for a run. */
function memberOf(labeler: Labeler, runId: string): boolean {
  return (labeler.isEverywhere ?? false) || (labeler.runIds ?? []).includes(runId);
}

/** A labeler's name; for those who answer, a link to their details. */
function Name({ labeler: { labelerId, name, role } }: { labeler: Labeler }) {
  const answers = role === "ROLE_LABELER" || role === "ROLE_TEACHER";
  return answers ? <a href={labelerPath(labelerId)}>{name || labelerId}</a> : <>{name || labelerId}</>;
}

interface ChangeDialogProps {
  change: Change;
  runId: string;
  onConfirm: (change: Change) => Promise<void>;
  onClose: () => void;
}

function ChangeDialog({ change, runId, onConfirm, onClose }: ChangeDialogProps) {
  const { title, action, consequence } = CHANGES[change.kind];
  const name = change.labeler.name ?? change.labeler.labelerId;
  return (
    <ConfirmDialog
      id="change-token"
      title={title(name, runId)}
      action={action}
      isBad={change.kind === "revoke" || change.kind === "remove"}
      onConfirm={() => onConfirm(change)}
      onClose={onClose}
    >
      <p>{consequence}</p>
    </ConfirmDialog>
  );
}

interface ChangeWords {
  title: (name: string, runId: string) => string;
  action: string;
  consequence: string;
}

const CHANGES: Record<Change["kind"], ChangeWords> = {
  log_out: {
    title: (name) => `Log ${name} out of every browser?`,
    action: "Log out",
    consequence:
      "All browsers are asked for the token again, within seconds. The token stays good; if somebody else may have it, create a new one instead.",
  },
  rotate: {
    title: (name) => `Create a new token for ${name}?`,
    action: "Create a new token",
    consequence: "The old one stops working at once: whoever uses it must log in again with the new one.",
  },
  revoke: {
    title: (name) => `Revoke ${name}’s token?`,
    action: "Revoke",
    consequence:
      "It stops working within seconds, and pairs held with it go to others. All answers are kept, with their weight.",
  },
  remove: {
    title: (name, runId) => `Remove ${name} from ${runId}?`,
    action: "Remove",
    consequence:
      "This run ends for them within seconds, and its pairs that they hold go to others. All answers are kept, with their weight.",
  },
};
