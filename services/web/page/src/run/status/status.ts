// A run's status in a few words and a colour: what an owner needs to know first.

import { num, type Stats } from "../../connect/messages";
import { duration, plural } from "../../shell/words";
import { isResuming, SILENT_S } from "../history";
import type { ProgressPoint, RunState } from "../../connect/messages";

export type Kind =
  | "waiting" // for a first report
  | "running"
  | "awaiting" // for answers
  | "paused"
  | "silent"
  | "finishing"
  | "stopped"
  | "finished";

export interface RunStatus {
  kind: Kind;
  words: string;
  /** Answers without which the learner can't continue. */
  numAwaited: number;
}

export interface StatusInputs {
  state: RunState | undefined;
  isPaused: boolean;
  isFinishing: boolean;
  points: ProgressPoint[];
  /** How many seconds ago the newest point was reported. */
  ageS: number;
  numAwaited: number;
  numAnswered: number;
  labelBudget: number;
}

/** Return a run's status. */
export function statusOf(inputs: StatusInputs): RunStatus {
  const [kind, words] = wordsFor(inputs);
  const isLive = kind === "awaiting" || kind === "silent" || kind === "paused";
  return { kind, words, numAwaited: isLive ? awaited(inputs) : 0 };
}

function wordsFor(inputs: StatusInputs): [Kind, string] {
  const { state, isPaused, isFinishing, points, ageS } = inputs;
  const newest = points.at(-1);
  if (state === "RUN_STATE_FINISHED") return ["finished", "Finished"];
  if (state === "RUN_STATE_STOPPED") return ["stopped", "Stopped early"];
  if (isFinishing) return ["finishing", "Finishing with its current policy"];
  if (isPaused) return ["paused", "Paused: no one is asked"];
  if (!newest) return ["waiting", "Waiting for the first report"];
  if (ageS > SILENT_S) return ["silent", `No report for ${duration(ageS)}`];
  if (awaited(inputs) > 0) return ["awaiting", `Waiting for ${plural(awaited(inputs), "answer")}`];
  if (isResuming(points)) return ["waiting", "Resuming from its checkpoint"];
  if (num(newest.totalEnvSteps) > 0 && num(newest.envSteps) >= num(newest.totalEnvSteps)) {
    return ["finishing", "All steps are done"];
  }
  return ["running", "Running"];
}

const LEAST_ANSWERS = 10; // with fewer, having no preference among them may be chance

/** Return why nothing can be learned so far, in the command line's words; "" if something can or it is too early to say. */
export function nothingLearned(stats: Stats | null, labelBudget: number): string {
  const numAnswered = num(stats?.numAnswered);
  if (numAnswered === 0 || numAnswered < Math.min(LEAST_ANSWERS, labelBudget || LEAST_ANSWERS)) return "";
  const numEqual = num(stats?.numEqual);
  const numOthers = numEqual + num(stats?.numIncomparable);
  if (num(stats?.numLeft) + num(stats?.numRight) > 0 || numOthers === 0) return "";
  const why = numEqual === numOthers ? "all call both clips equal" : numEqual === 0 ? "none could compare the clips" : "none prefers a clip";
  return `Nothing can be learned from the ${plural(numOthers, "answer")} so far: ${why}.`;
}

/** Never more than the budget has left. */
function awaited({ numAwaited, numAnswered, labelBudget }: StatusInputs): number {
  return labelBudget > 0 ? Math.max(0, Math.min(numAwaited, labelBudget - numAnswered)) : numAwaited;
}
