// How well labelers answer, how far they agree, and how much each one's answers count.

import { useState } from "preact/hooks";

import { call } from "../../connect/call";
import { num, type Agreement, type LabelerQuality } from "../../connect/messages";
import { useLoaded } from "../../shell/loading";
import { labelerPath } from "./labeler_section";
import type { SectionContext } from "../section_context";
import { WeightDialog } from "./weight_dialog";
import { ROLE_NAMES, Section, ShareCell } from "../../shell/parts";

interface Quality {
  labelers: LabelerQuality[];
  agreement: Agreement;
}

export function QualitySection({ run: { runId } }: SectionContext) {
  const quality = useLoaded(runId, () => readQuality(runId));
  const [changed, setChanged] = useState<{ labeler: LabelerQuality; weight: number } | null>(null);
  const lead = "Each share is shown with its 95% interval. A flag is a hint to look closer; nothing else follows from it.";
  return (
    <Section id="quality" title="Quality" lead={lead} loaded={quality}>
      {quality.value ? <AgreementFigures agreement={quality.value.agreement} /> : null}
      {quality.value ? (
        <QualityTable
          labelers={quality.value.labelers}
          onChange={(labeler, weight) => setChanged({ labeler, weight })}
        />
      ) : null}
      {changed ? (
        <WeightDialog
          runId={runId}
          labeler={changed.labeler}
          proposed={changed.weight}
          onChanged={quality.reload}
          onClose={() => setChanged(null)}
        />
      ) : null}
    </Section>
  );
}

async function readQuality(runId: string): Promise<Quality> {
  const [{ labelers = [] }, agreement] = await Promise.all([
    call("GetLabelerQuality", { runId }),
    call("GetAgreement", { runId }),
  ]);
  return { labelers: labelers.sort((one, other) => num(other.numAnswers) - num(one.numAnswers)), agreement };
}

function AgreementFigures({ agreement }: { agreement: Agreement }) {
  const { pairwiseAgreement: share, krippendorffAlpha: alpha } = agreement;
  return (
    <dl class="figures-row" id="agreement">
      <div>
        <dt>of pairs of answers agree</dt>
        <dd>{share === undefined ? "–" : `${Math.round(share * 100)}%`}</dd>
      </div>
      <div>
        <dt>Krippendorff’s α, 0 is chance</dt>
        <dd>{alpha === undefined ? "–" : alpha.toFixed(2).replace("-", "−")}</dd>
      </div>
      <div>
        <dt>questions with two or more answers</dt>
        <dd>{num(agreement.numQueries)}</dd>
      </div>
    </dl>
  );
}

interface QualityTableProps {
  labelers: LabelerQuality[];
  onChange: (labeler: LabelerQuality, weight: number) => void;
}

function QualityTable({ labelers, onChange }: QualityTableProps) {
  if (labelers.length === 0) return <p class="faint">No answers yet.</p>;
  return (
    <div class="scroller" tabIndex={0} role="region" aria-label="Quality of labelers">
      <table class="rows" id="quality-table">
        <thead>
          <tr>
            <th scope="col">Labeler</th>
            <th scope="col" class="number">
              Answers
            </th>
            <th scope="col" title="Gold pairs that were answered as everyone else answered them">
              Gold correct
            </th>
            <th scope="col" title="Own earlier answers that were repeated with the sides swapped">
              Consistent
            </th>
            <th scope="col" title="Answers given before half a clip had played">
              Too fast
            </th>
            <th scope="col" title="Left among answers of left and right; half is expected">
              Left
            </th>
            <th scope="col" class="number">
              Weight
            </th>
            <th scope="col">
              <span class="unseen">Changes</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {labelers.map((labeler) => (
            <QualityRow key={labeler.labelerId} labeler={labeler} onChange={onChange} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function QualityRow({ labeler, onChange }: { labeler: LabelerQuality; onChange: QualityTableProps["onChange"] }) {
  const weight = labeler.weight ?? 0;
  return (
    <tr data-labeler={labeler.labelerId} class={weight === 0 ? "over" : ""}>
      <th scope="row">
        <a href={labelerPath(labeler.labelerId)}>{labeler.name || labeler.labelerId}</a>{" "}
        {weight === 0 ? <span class="chip bad">excluded</span> : null}
        <small>{labeler.role ? ROLE_NAMES[labeler.role] : ""}</small>
      </th>
      <td class="number" title={`entropy ${(labeler.entropyBits ?? 0).toFixed(2)} of 2 bits`}>
        {num(labeler.numAnswers)}
      </td>
      <td>
        <ShareCell share={labeler.goldAccuracy} flag={labeler.isInaccurate && "inaccurate"} />
      </td>
      <td>
        <ShareCell share={labeler.consistency} flag={labeler.isInconsistent && "inconsistent"} />
      </td>
      <td>
        <ShareCell share={labeler.fast} flag={labeler.isHasty && "hasty"} />
      </td>
      <td>
        <ShareCell share={labeler.left} flag={labeler.isBiased && "one-sided"} />
      </td>
      <td class="number">
        <button
          type="button"
          class="small"
          aria-label={`Change the weight, ${weight} now`}
          onClick={() => onChange(labeler, weight)}
        >
          {weight} <span aria-hidden="true">✎</span>
        </button>
      </td>
      <td class="buttons">
        {weight === 0 ? (
          <button type="button" class="small" onClick={() => onChange(labeler, 1)}>
            Restore
          </button>
        ) : (
          <button type="button" class="small bad" onClick={() => onChange(labeler, 0)}>
            Exclude
          </button>
        )}
      </td>
    </tr>
  );
}
