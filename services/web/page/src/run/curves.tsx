// The learning curves: four charts over the same steps, labels or time.

import { useSignal } from "@preact/signals";
import { useMemo, useState } from "preact/hooks";

import { AXES, type AxisName } from "../chart/axis";
import { Chart } from "../chart/chart";
import { MIN_ANSWERS } from "../chart/interval";
import { linesOf, placesOf, tableOf, xRangeOf } from "../chart/run_lines";
import { percentTickWords, tickWords } from "../chart/scale";
import type { Series } from "../chart/series";
import { smoothed } from "../chart/smoothing";
import { AxisChoice, Downloads, Smoothing } from "../chart/tools";
import { num } from "../connect/messages";
import { figure, percent, short } from "../shell/words";
import type { ProgressPoint } from "../connect/messages";

const AXIS_NAMES = ["steps", "labels", "time"] as const;

interface CurvesProps {
  runId: string;
  /** Without those that were replaced after a resume. */
  points: ProgressPoint[];
  labelBudget: number;
}

export function Curves({ runId, points, labelBudget }: CurvesProps) {
  const [axisName, setAxis] = useState<AxisName>("steps");
  const [weight, setWeight] = useState(0);
  const [problem, setProblem] = useState("");
  const chosen = useSignal<number | null>(null);
  const lines = useMemo(() => linesOf(points), [points]);
  const newest = points.at(-1);
  const xs = placesOf(lines, axisName);
  const whole = { steps: num(newest?.totalEnvSteps), labels: labelBudget, time: 0 }[axisName];
  const line = (look: string, name: string, values: (number | null)[]): Series => ({
    name,
    look,
    xs,
    values: smoothed(values, weight),
    raw: weight > 0 ? values : undefined,
  });
  const shared = { chosen, axis: AXES[axisName], xRange: xRangeOf(axisName, xs.at(-1) ?? 0, whole) };
  const series = useMemo(
    () => ({
      true: [line("true", "true return", lines.trueReturn)],
      predicted: [line("predicted", "predicted", lines.predicted)],
      accuracy: [{ ...line("accuracy", "predicted correctly", lines.accuracy), band: lines.accuracyBand }],
      labels: [
        { name: "due", look: "due", xs, values: lines.due, isStepped: true },
        { name: "answered", look: "answered", xs, values: lines.answered, isStepped: true },
      ],
    }),
    [lines, xs, weight],
  );
  return (
    <section class="panel" aria-labelledby="curves-title">
      <header>
        <h2 id="curves-title">Learning curves</h2>
        <div class="chart-tools">
          <Smoothing weight={weight} onChange={setWeight} />
          <AxisChoice names={AXIS_NAMES} axis={axisName} onChange={setAxis} />
          <Downloads name={`${runId}-curves`} csv={() => tableOf([{ runId, points }])} onProblem={setProblem} />
        </div>
      </header>
      {problem ? (
        <p class="problem" role="alert">
          {problem}
        </p>
      ) : null}
      <div class="charts">
        <Chart
          {...shared}
          id="chart-true"
          title="True return"
          unit="per episode, by the true reward"
          yWords={figure}
          yTickWords={tickWords}
          series={series.true}
          empty="Nothing yet. It starts when the first episodes have ended; a task without a true reward has none."
        />
        <Chart
          {...shared}
          id="chart-predicted"
          title="Predicted reward"
          unit="per step, in the reward model’s own unit"
          yWords={figure}
          yTickWords={tickWords}
          series={series.predicted}
          empty="Nothing yet. It starts once the first answers have been learned from."
        />
        <Chart
          {...shared}
          id="chart-accuracy"
          title="Answers predicted correctly"
          unit="before learning, with 95% interval"
          yRange={{ low: 0, high: 1, step: 0.25 }}
          yWords={percent}
          yTickWords={percentTickWords}
          reference={{ y: 0.5, name: "chance" }}
          series={series.accuracy}
          empty={`Too early to say. It starts after ${MIN_ANSWERS} answers of left or right.`}
        />
        <Chart
          {...shared}
          id="chart-labels"
          title="Labels"
          unit={labelBudget ? `of ${labelBudget} in total` : ""}
          yWords={short}
          yTickWords={tickWords}
          isCount
          reference={labelBudget ? { y: labelBudget, name: "budget" } : undefined}
          series={series.labels}
          empty="Nothing yet."
        />
      </div>
    </section>
  );
}
