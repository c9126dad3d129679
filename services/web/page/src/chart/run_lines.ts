// A run's points as lines, and as a table.

import { num } from "../connect/messages";
import type { ProgressPoint } from "../connect/messages";
import type { AxisName } from "./axis";
import { csvOf } from "./download";
import { MIN_ANSWERS, wilson } from "./interval";
import { niceRange, type Range } from "./scale";

export interface RunLines {
  steps: number[];
  labels: number[];
  /** Since the first point. */
  seconds: number[];
  trueReturn: (number | null)[];
  predicted: (number | null)[];
  /** Only where it covers enough answers to be meaningful. */
  accuracy: (number | null)[];
  accuracyBand: ([number, number] | null)[];
  due: (number | null)[];
  answered: (number | null)[];
}

export function linesOf(points: ProgressPoint[]): RunLines {
  const began = points[0] ? Date.parse(points[0].reportTime) : 0;
  const accuracy = points.map(accuracyOf);
  return {
    steps: points.map(({ envSteps }) => num(envSteps)),
    labels: points.map(({ numAnswered }) => num(numAnswered)),
    seconds: points.map(({ reportTime }) => (Date.parse(reportTime) - began) / 1000),
    trueReturn: points.map(({ trueReturnMean }) => trueReturnMean ?? null),
    predicted: points.map(({ predictedRewardMean }) => predictedRewardMean ?? null),
    accuracy,
    accuracyBand: points.map((point, index) => {
      const share = accuracy[index];
      return typeof share === "number" ? wilson(share, num(point.numAccuracyPreferences)) : null;
    }),
    // No more is ever due than the whole run may use.
    due: points.map(({ numLabelsDue, labelBudget }) => {
      const budget = num(labelBudget);
      return budget > 0 ? Math.min(budget, num(numLabelsDue)) : num(numLabelsDue);
    }),
    answered: points.map(({ numAnswered }) => num(numAnswered)),
  };
}

function accuracyOf({ preferenceAccuracy, numAccuracyPreferences }: ProgressPoint): number | null {
  return num(numAccuracyPreferences) >= MIN_ANSWERS ? (preferenceAccuracy ?? null) : null;
}

/** Return the x values of a run's points on an axis. */
export function placesOf(lines: RunLines, axis: AxisName): number[] {
  return { steps: lines.steps, labels: lines.labels, time: lines.seconds }[axis];
}

/** Return an x axis from 0 to where the furthest line or the whole run ends. */
export function xRangeOf(axis: AxisName, furthest: number, whole: number): Range {
  const high = Math.max(furthest, whole);
  if (axis === "time") return { low: 0, high: Math.max(furthest, 10) };
  return high > 0 ? { low: 0, high } : niceRange([0, 1], 1, true);
}

const COLUMNS: [string, (point: ProgressPoint) => string | number | null][] = [
  ["report_time", (point) => point.reportTime],
  ["env_steps", (point) => num(point.envSteps)],
  ["num_answered", (point) => num(point.numAnswered)],
  ["num_labels_due", (point) => num(point.numLabelsDue)],
  ["label_budget", (point) => num(point.labelBudget)],
  ["true_return_mean", (point) => point.trueReturnMean ?? null],
  ["num_episodes", (point) => num(point.numEpisodes)],
  ["predicted_reward_mean", (point) => point.predictedRewardMean ?? null],
  ["preference_accuracy", (point) => point.preferenceAccuracy ?? null],
  ["num_accuracy_preferences", (point) => num(point.numAccuracyPreferences)],
  ["reward_version", (point) => num(point.rewardVersion)],
  ["training_loss", (point) => point.trainingLoss ?? null],
];

/** Return the points of some runs as one CSV table. */
export function tableOf(runs: readonly { runId: string; points: ProgressPoint[] }[]): string {
  const rows = runs.flatMap(({ runId, points }) =>
    points.map((point) => [runId, ...COLUMNS.map(([, cell]) => cell(point))]),
  );
  return csvOf(["run_id", ...COLUMNS.map(([name]) => name)], rows);
}
