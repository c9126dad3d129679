// A summary of labeler quality; the owner page has the details.

import { num, type LabelerQuality, type Share } from "../connect/messages";
import { percent } from "../shell/words";

interface LabelersProps {
  labelers: LabelerQuality[] | null;
  runId: string;
}

export function Labelers({ labelers, runId }: LabelersProps) {
  return (
    <section class="panel" aria-labelledby="labelers-title">
      <header>
        <h2 id="labelers-title">Labeler quality</h2>
        <a href={`/owner?run=${encodeURIComponent(runId)}#quality`}>Weights and more</a>
      </header>
      {labelers?.length ? <Table labelers={labelers} /> : <p class="awaited">No answers yet.</p>}
    </section>
  );
}

function Table({ labelers }: { labelers: LabelerQuality[] }) {
  return (
    <div class="table-frame" tabIndex={0} role="region" aria-labelledby="labelers-title">
      <table id="labelers">
        <thead>
          <tr>
            <th scope="col">labeler</th>
            <th scope="col">answers</th>
            <th scope="col" title="Gold pairs that were answered as the others answered them; 95% interval">
              gold correct
            </th>
            <th scope="col" title="Own earlier answers that were repeated with the sides swapped; 95% interval">
              consistent
            </th>
            <th scope="col">hints</th>
          </tr>
        </thead>
        <tbody>
          {labelers.map((labeler) => (
            <tr key={labeler.labelerId}>
              <th scope="row">
                {labeler.name || labeler.labelerId} <small>{roleWords(labeler)}</small>
              </th>
              <td>{num(labeler.numAnswers)}</td>
              <td>{shareWords(labeler.goldAccuracy)}</td>
              <td>{shareWords(labeler.consistency)}</td>
              <td class={hints(labeler).length ? "flagged" : ""}>{hints(labeler).join(", ") || "none"}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function roleWords({ role, weight }: LabelerQuality): string {
  const words = role?.replace("ROLE_", "").toLowerCase() ?? "";
  if (!weight) return `${words}, excluded`;
  return weight === 1 ? words : `${words}, weight ${weight}`;
}

function shareWords(share: Share | undefined): string {
  if (share?.share === undefined) return "–";
  return `${percent(share.share)} (${percent(share.low ?? 0)} to ${percent(share.high ?? 1)}, ${num(share.num)} asked)`;
}

function hints(labeler: LabelerQuality): string[] {
  return [
    labeler.isInaccurate && "often wrong on gold",
    labeler.isInconsistent && "inconsistent",
    // A program always answers before a clip has played.
    labeler.isHasty && labeler.role !== "ROLE_TEACHER" && "hasty",
    labeler.isBiased && "prefers a side",
  ].filter((hint) => typeof hint === "string");
}
