// One labeler: how well they answer, and their answers with the clips.

import { useState } from "preact/hooks";

import { call } from "../../connect/call";
import { num, type Labeler, type LabelerQuality } from "../../connect/messages";
import { readAll, useLoaded } from "../../shell/loading";
import { ROLE_NAMES, Section, ShareCell, Time } from "../../shell/parts";
import { AnswerCards, type AnswerFilter } from "../answers/answer_cards";
import type { SectionContext } from "../section_context";
import { WeightDialog } from "./weight_dialog";

/** Return the address of a labeler's section. */
export function labelerPath(labelerId: string): string {
  return `#labeler/${encodeURIComponent(labelerId)}`;
}

interface Known {
  labeler: Labeler | undefined;
  quality: LabelerQuality | undefined;
}

export function LabelerSection({ run: { runId }, labelerId }: SectionContext & { labelerId: string }) {
  const known = useLoaded(`${runId} ${labelerId}`, () => readLabeler(runId, labelerId));
  const [order, setOrder] = useState<AnswerFilter["order"]>("CLIP_ORDER_UNSPECIFIED");
  const [weight, setWeight] = useState<number | null>(null);
  const { labeler, quality } = known.value ?? {};
  const role = labeler?.role ? ROLE_NAMES[labeler.role] : "";
  const lead = (
    <>
      {role}
      {labeler?.createTime ? (
        <>
          , invited <Time at={labeler.createTime} />
        </>
      ) : null}
      {labeler?.revokeTime ? (
        <>
          , revoked <Time at={labeler.revokeTime} />
        </>
      ) : null}
      . <a href="#quality">All labelers</a>
    </>
  );
  return (
    <Section id="labeler" title={labeler?.name || labelerId} lead={lead} loaded={known}>
      {quality ? <QualityFigures quality={quality} onWeight={() => setWeight(quality.weight ?? 0)} /> : null}
      {known.value && !quality ? <p class="faint">No answers in this run yet.</p> : null}
      <div class="actions">
        <h3>Answers</h3>
        <label class="faint">
          first{" "}
          <select
            id="labeler-order"
            value={order}
            onChange={(event) => setOrder(event.currentTarget.value as AnswerFilter["order"])}
          >
            <option value="CLIP_ORDER_UNSPECIFIED">the newest</option>
            <option value="CLIP_ORDER_DISAGREEMENT">where others answered differently</option>
          </select>
        </label>
      </div>
      <AnswerCards runId={runId} filter={{ labelerId, preference: "PREFERENCE_UNSPECIFIED", order }} />
      {quality && weight !== null ? (
        <WeightDialog
          runId={runId}
          labeler={quality}
          proposed={weight}
          onChanged={known.reload}
          onClose={() => setWeight(null)}
        />
      ) : null}
    </Section>
  );
}

async function readLabeler(runId: string, labelerId: string): Promise<Known> {
  const [labelers, { labelers: qualities = [] }] = await Promise.all([
    readAll("ListLabelers"),
    call("GetLabelerQuality", { runId }),
  ]);
  const isIt = (one: { labelerId: string }) => one.labelerId === labelerId;
  return { labeler: labelers.find(isIt), quality: qualities.find(isIt) };
}

function QualityFigures({ quality, onWeight }: { quality: LabelerQuality; onWeight: () => void }) {
  const shares = [
    ["gold correct", quality.goldAccuracy, quality.isInaccurate && "inaccurate"],
    ["consistent", quality.consistency, quality.isInconsistent && "inconsistent"],
    ["too fast", quality.fast, quality.isHasty && "hasty"],
    ["left, among left and right", quality.left, quality.isBiased && "one-sided"],
  ] as const;
  return (
    <dl class="panel labeler-figures" id="labeler-figures">
      <div>
        <dt>answers</dt>
        <dd class="count">{num(quality.numAnswers)}</dd>
      </div>
      {shares.map(([name, share, flag]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            <ShareCell share={share} flag={flag} />
          </dd>
        </div>
      ))}
      <div>
        <dt>weight</dt>
        <dd>
          <button type="button" class="small" onClick={onWeight} aria-label={`Change the weight, ${quality.weight ?? 0} now`}>
            {quality.weight ?? 0} <span aria-hidden="true">✎</span>
          </button>
        </dd>
      </div>
    </dl>
  );
}
