// The curves of several runs in the same charts.

import { useSignal } from "@preact/signals";
import { useMemo, useState } from "preact/hooks";

import { AXES, type AxisName } from "../chart/axis";
import { Chart, Swatch } from "../chart/chart";
import { linesOf, placesOf, tableOf, xRangeOf, type RunLines } from "../chart/run_lines";
import { percentTickWords, tickWords } from "../chart/scale";
import type { Series } from "../chart/series";
import { smoothed } from "../chart/smoothing";
import { AxisChoice, Downloads, Smoothing } from "../chart/tools";
import { num } from "../connect/messages";
import { continuous } from "../run/history";
import type { Run, ProgressPoint } from "../connect/messages";
import { readProgress, type Progress } from "../run/run_data";
import { Problem } from "../shell/parts";
import { usePolled } from "../shell/polling";
import { figure, percent, short } from "../shell/words";

/** As many as there are distinguishable lines. */
export const MAX_COMPARED = 8;

const CURVES_MS = 10_000;
const AXIS_NAMES = ["steps", "labels", "time"] as const;

interface ComparisonProps {
  runs: Run[];
  /** Their ids in the order of selection, which gives each its line. */
  chosen: string[];
}

interface Compared {
  runId: string;
  look: string;
  points: ProgressPoint[];
  lines: RunLines;
}

export function Comparison({ runs, chosen }: ComparisonProps) {
  const ids = chosen.filter((id) => runs.some(({ runId }) => runId === id));
  const progress = usePolled(ids.join(" "), CURVES_MS, (before: Map<string, Progress> | null) => readAll(ids, before));
  const compared = useMemo(() => comparedOf(ids, progress.value), [progress.value]);
  const [problem, setProblem] = useState("");
  const [axis, setAxis] = useState<AxisName>("steps");
  const [weight, setWeight] = useState(0);
  return (
    <section class="panel" id="comparison" aria-labelledby="comparison-title">
      <header>
        <h2 id="comparison-title">Comparison</h2>
        <div class="chart-tools">
          <Smoothing weight={weight} onChange={setWeight} />
          <AxisChoice names={AXIS_NAMES} axis={axis} onChange={setAxis} />
          <Downloads name="somersault-runs" csv={() => tableOf(compared)} onProblem={setProblem} />
        </div>
      </header>
      {problem || progress.problem ? <Problem sentence={problem || progress.problem} /> : null}
      <ul class="chart-legend" aria-label="Lines">
        {compared.map(({ runId, look }) => (
          <li key={runId} class={`key ${look}`}>
            <Swatch /> {runId}
          </li>
        ))}
      </ul>
      {progress.value ? <Charts compared={compared} axisName={axis} weight={weight} runs={runs} /> : <p class="awaited">Loading…</p>}
    </section>
  );
}

interface ChartsProps {
  compared: Compared[];
  runs: Run[];
  axisName: AxisName;
  weight: number;
}

function Charts({ compared, runs, axisName, weight }: ChartsProps) {
  const chosen = useSignal<number | null>(null);
  const furthest = Math.max(0, ...compared.map(({ lines }) => placesOf(lines, axisName).at(-1) ?? 0));
  const whole = {
    steps: Math.max(0, ...runs.map(({ newestPoint }) => num(newestPoint?.totalEnvSteps))),
    labels: Math.max(0, ...runs.map(({ labelBudget }) => num(labelBudget))),
    time: 0,
  }[axisName];
  const shared = { chosen, axis: AXES[axisName], xRange: xRangeOf(axisName, furthest, whole) };
  const all = useMemo(() => {
    const of = (values: (lines: RunLines) => (number | null)[], isStepped = false): Series[] =>
      compared.map(({ runId, look, lines }) => ({
        name: runId,
        look,
        xs: placesOf(lines, axisName),
        values: isStepped ? values(lines) : smoothed(values(lines), weight),
        raw: weight > 0 && !isStepped ? values(lines) : undefined,
        isStepped,
      }));
    return {
      true: of(({ trueReturn }) => trueReturn),
      predicted: of(({ predicted }) => predicted),
      accuracy: of(({ accuracy }) => accuracy),
      labels: of(({ answered }) => answered, true),
    };
  }, [compared, axisName, weight]);
  return (
    <div class="charts">
      <Chart
        {...shared}
        id="compare-true"
        title="True return"
        unit="per episode, by the true reward"
        yWords={figure}
        yTickWords={tickWords}
        series={all.true}
        empty="None of these runs has measured one."
      />
      <Chart
        {...shared}
        id="compare-predicted"
        title="Predicted reward"
        unit="per step, in each reward model’s own unit: compare shapes, not levels"
        yWords={figure}
        yTickWords={tickWords}
        series={all.predicted}
        empty="Nothing yet."
      />
      <Chart
        {...shared}
        id="compare-accuracy"
        title="Answers predicted correctly"
        unit="before learning from them"
        yRange={{ low: 0, high: 1, step: 0.25 }}
        yWords={percent}
        yTickWords={percentTickWords}
        reference={{ y: 0.5, name: "chance" }}
        series={all.accuracy}
        empty="Too early to say."
      />
      {axisName === "labels" ? null : (
        <Chart
          {...shared}
          id="compare-labels"
          title="Labels"
          unit="answered"
          yWords={short}
          yTickWords={tickWords}
          isCount
          series={all.labels}
          empty="Nothing yet."
        />
      )}
    </div>
  );
}

async function readAll(ids: string[], before: Map<string, Progress> | null): Promise<Map<string, Progress>> {
  const read = async (id: string) => [id, await readProgress(id, before?.get(id) ?? null)] as const;
  return new Map(await Promise.all(ids.map(read)));
}

function comparedOf(ids: string[], progress: Map<string, Progress> | null): Compared[] {
  return ids.map((runId, index) => {
    const points = continuous(progress?.get(runId)?.points ?? []);
    return { runId, look: `run-${index + 1}`, points, lines: linesOf(points) };
  });
}
