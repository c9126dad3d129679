// The learning curves: four charts over the same steps or the same time.

import { useSignal } from "@preact/signals";
import { useMemo, useState } from "preact/hooks";

import { num } from "../connect/messages";
import { Chart } from "./chart";
import type { ProgressPoint } from "./messages";
import { niceRange, type Range } from "./scale";
import { figure, percent, short } from "./words";

type Axis = "steps" | "time";

export function Curves({ points }: { points: ProgressPoint[] }) {
  const [axis, setAxis] = useState<Axis>("steps");
  const chosen = useSignal<number | null>(null);
  const lines = useMemo(() => linesOf(points), [points]);
  const [unit, unitS] = unitOf(lines.seconds.at(-1) ?? 0);
  const xs = useMemo(
    () => (axis === "steps" ? lines.steps : lines.seconds.map((seconds) => seconds / unitS)),
    [axis, lines, unitS],
  );
  const xRange = useMemo(() => rangeOf(axis, points, xs), [axis, points, xs]);
  const shared = {
    xs,
    xRange,
    chosen,
    xTick: (x: number) => (axis === "steps" || x === 0 ? short(x) : `${rounded(x)} ${unit}`),
    xWords: (x: number) => (axis === "steps" ? `${short(x)} steps` : `${rounded(x)} ${unit}`),
  };
  const newest = points.at(-1);
  return (
    <section class="panel" aria-labelledby="curves-title">
      <header>
        <h2 id="curves-title">Learning curves</h2>
        <AxisChoice axis={axis} onChange={setAxis} />
      </header>
      <div class="charts">
        <Chart
          {...shared}
          id="chart-true"
          title="True return"
          unit="of an episode, by the hidden reward"
          yWords={figure}
          series={[{ name: "true return", look: "true", values: lines.trueReturn }]}
          empty="None so far. It begins when the first episodes have ended; a task without a hidden reward has none."
        />
        <Chart
          {...shared}
          id="chart-predicted"
          title="Predicted reward"
          unit="of a step, in the reward model’s own unit"
          yWords={figure}
          series={[{ name: "predicted", look: "predicted", values: lines.predicted }]}
          empty={`None so far. It begins when the first ${num(newest?.numLabelsDue)} labels are answered and learned.`}
        />
        <Chart
          {...shared}
          id="chart-agreement"
          title="Agreement with labels"
          unit="answers foretold before they were learned"
          yRange={{ low: 0, high: 1 }}
          yWords={percent}
          reference={{ y: 0.5, name: "chance" }}
          series={[{ name: "agreement", look: "agreement", values: lines.agreement }]}
          empty="None so far. It begins with the first answers of left or right."
        />
        <Chart
          {...shared}
          id="chart-labels"
          title="Labels"
          unit={`of ${num(newest?.labelBudget)} in all`}
          yWords={short}
          reference={newest ? { y: num(newest.labelBudget), name: "all" } : undefined}
          series={[
            { name: "due", look: "due", values: lines.due, isStepped: true },
            { name: "answered", look: "answered", values: lines.answered, isStepped: true },
          ]}
          empty="None so far."
        />
      </div>
    </section>
  );
}

function AxisChoice({ axis, onChange }: { axis: Axis; onChange: (axis: Axis) => void }) {
  return (
    <div class="choice" role="group" aria-label="Along the x axis">
      {(["steps", "time"] as const).map((name) => (
        <button key={name} type="button" class="quiet" aria-pressed={axis === name} onClick={() => onChange(name)}>
          {name === "steps" ? "by steps" : "by time"}
        </button>
      ))}
    </div>
  );
}

function linesOf(points: ProgressPoint[]) {
  const began = points[0] ? Date.parse(points[0].reportTime) : 0;
  return {
    steps: points.map(({ envSteps }) => num(envSteps)),
    seconds: points.map(({ reportTime }) => (Date.parse(reportTime) - began) / 1000),
    trueReturn: points.map(({ trueReturnMean }) => trueReturnMean ?? null),
    predicted: points.map(({ predictedRewardMean }) => predictedRewardMean ?? null),
    agreement: points.map(({ preferenceAccuracy }) => preferenceAccuracy ?? null),
    due: points.map(({ numLabelsDue }) => num(numLabelsDue)),
    answered: points.map(({ numAnswered }) => num(numAnswered)),
  };
}

/** Gives the unit in which so many seconds are read best, and its length in seconds. */
function unitOf(seconds: number): [string, number] {
  const units: [string, number][] = [
    ["days", 86_400],
    ["h", 3_600],
    ["min", 60],
  ];
  return units.find(([, length]) => seconds >= 3 * length) ?? ["s", 1];
}

function rounded(x: number): string {
  return x.toFixed(1).replace(/\.0$/, "");
}

/** Gives the x axis: the run's whole length in steps, or the time so far. */
function rangeOf(axis: Axis, points: ProgressPoint[], xs: number[]): Range {
  const total = num(points.at(-1)?.totalEnvSteps);
  if (axis === "steps" && total > 0) return { low: 0, high: Math.max(total, xs.at(-1) ?? 0) };
  return { low: 0, high: Math.max(niceRange([0, ...xs], 1).low, xs.at(-1) ?? 0, 1) };
}
