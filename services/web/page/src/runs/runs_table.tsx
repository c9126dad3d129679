// All runs in a table, each with its newest clip.

import { useRef } from "preact/hooks";

import { useWasSeen } from "../clips/clip_hooks";
import { PolicyThumb } from "../clips/policy_thumb";
import { num } from "../connect/messages";
import { Command } from "../run/status/ending";
import type { Run } from "../connect/messages";
import { readPolicyClips } from "../run/run_data";
import { statusOf, type RunStatus } from "../run/status/status";
import { useLoaded } from "../shell/loading";
import { isReadOnly } from "../shell/shell";
import { ago, figure, ofBudget, quoted, short } from "../shell/words";
import { MAX_COMPARED } from "./comparison";

interface RunsTableProps {
  runs: Run[];
  chosen: string[];
  choose: (runId: string, isChosen: boolean) => void;
}

export function RunsTable({ runs, chosen, choose }: RunsTableProps) {
  return (
    <div class="scroller" tabIndex={0} role="region" aria-label="Runs">
      {/* Explicit roles, because a narrow window lays rows out as cards, which would remove the implicit ones. */}
      <table class="rows" id="runs-table" role="table">
        <thead role="rowgroup">
          <tr role="row">
            <th role="columnheader" scope="col">Compare</th>
            <th role="columnheader" scope="col">Now</th>
            <th role="columnheader" scope="col">Run</th>
            <th role="columnheader" scope="col">State</th>
            <th role="columnheader" scope="col" class="number">
              Labels
            </th>
            <th role="columnheader" scope="col" class="number" title="Mean true return of the newest episodes, by the true reward">
              Return
            </th>
            <th role="columnheader" scope="col" class="number">
              Steps
            </th>
            <th role="columnheader" scope="col">Last report</th>
          </tr>
        </thead>
        <tbody role="rowgroup">
          {runs.map((run) => (
            <Row key={run.runId} run={run} place={chosen.indexOf(run.runId)} numChosen={chosen.length} choose={choose} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface RowProps {
  run: Run;
  /** Its index among the compared runs; -1 if it isn't one. */
  place: number;
  numChosen: number;
  choose: RunsTableProps["choose"];
}

function Row({ run, place, numChosen, choose }: RowProps) {
  const { runId, task, newestPoint, result } = run;
  const status = statusOfListed(run, Date.now());
  const trueReturn = result?.trueReturnMean ?? newestPoint?.trueReturnMean;
  const ageS = ageOf(run, Date.now());
  return (
    <tr role="row" data-run={runId}>
      <td role="cell" class="choose">
        <label class={`compare${place >= 0 ? ` key run-${place + 1}` : ""}`}>
          <input
            type="checkbox"
            aria-label={`Compare ${runId}`}
            checked={place >= 0}
            disabled={place < 0 && numChosen >= MAX_COMPARED}
            onChange={(event) => choose(runId, event.currentTarget.checked)}
          />
          <svg width="22" height="8" aria-hidden="true">
            {place >= 0 ? <line x1="0" x2="22" y1="4" y2="4" /> : null}
          </svg>
        </label>
      </td>
      <td role="cell" class="now">
        <NewestClip run={run} />
      </td>
      <th role="rowheader" scope="row">
        {isReadOnly.value ? runId : <a href={`/run?run=${encodeURIComponent(runId)}`}>{runId}</a>}
        <small>{task}</small>
        {run.folder ? <Command name="" command={`somersault open ${quoted(run.folder)}`} /> : null}
      </th>
      <td role="cell" class="state">
        <span class="run-state" data-state={status.kind}>
          <span class="dot" aria-hidden="true" />
          {status.words}
        </span>
        {result?.headline ? <small>{result.headline}</small> : null}
      </td>
      <td role="cell" class="number" data-label="labels">
        {ofBudget(num(run.numAnswered), num(run.labelBudget), " / ")}
      </td>
      <td role="cell" class="number" data-label="return">{trueReturn === undefined ? "–" : figure(trueReturn)}</td>
      <td role="cell" class="number" data-label="steps">
        {newestPoint ? short(num(newestPoint.envSteps)) : "–"}
        {newestPoint ? <small>of {short(num(newestPoint.totalEnvSteps))}</small> : null}
      </td>
      <td role="cell" class="age">{ageS === null ? "–" : ago(ageS)}</td>
    </tr>
  );
}

/** The newest policy's clip; it plays while its row is pointed at or has the focus. */
function NewestClip({ run: { runId, newestPolicyClip } }: { run: Run }) {
  const frame = useRef<HTMLDivElement>(null);
  const mustLoad = useWasSeen(frame) && newestPolicyClip !== undefined;
  const clips = useLoaded(`${runId} ${newestPolicyClip} ${mustLoad}`, async () => (mustLoad ? readPolicyClips(runId) : []));
  const newest = clips.value?.at(-1);
  return <div ref={frame}>{newest ? <PolicyThumb key={newest.clipUrl} clip={newest} /> : <span class="policy-thumb" />}</div>;
}

/** Return how many seconds ago a run last reported or finished; null before its first report. */
export function ageOf({ newestPoint, result }: Run, nowMs: number): number | null {
  const time = newestPoint?.reportTime ?? result?.finishTime;
  return time ? Math.max(0, (nowMs - Date.parse(time)) / 1000) : null;
}

/** Return a run's status as far as the list tells it. */
export function statusOfListed(run: Run, nowMs: number): RunStatus {
  return statusOf({
    state: run.state,
    isPaused: run.isPaused ?? false,
    isFinishing: run.isFinishing ?? false,
    points: run.newestPoint ? [run.newestPoint] : [],
    ageS: ageOf(run, nowMs) ?? 0,
    numAwaited: num(run.newestPoint?.numAwaited),
    numAnswered: num(run.numAnswered),
    labelBudget: num(run.labelBudget),
  });
}
