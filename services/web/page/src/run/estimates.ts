// Estimates of a run's pace and end, and when it is too early to make them.

import { MIN_ANSWERS, wilson } from "../chart/interval";
import { num } from "../connect/messages";
import { duration, plural, short } from "../shell/words";
import { secondsBetween, sinceRestart } from "./history";
import type { ProgressPoint } from "../connect/messages";

/** A figure and the sentence below it. */
export interface Estimate {
  value: string;
  more: string;
}

// Long enough to span a few waits for labels, short enough to reflect the present.
const WINDOW_S = 300;
const MIN_WINDOW_S = 90;
const MIN_MOVES = 3;

interface Window {
  first: ProgressPoint;
  last: ProgressPoint;
  seconds: number;
  numMoves: number;
}

/** Return the newest five minutes since the run was last started, or null if that is too little to tell a pace. */
function windowOf(points: ProgressPoint[]): Window | null {
  const last = points.at(-1);
  if (!last) return null;
  const recent = sinceRestart(points).filter((point) => secondsBetween(point, last) <= WINDOW_S);
  const first = recent[0] ?? last;
  const numMoves = recent.filter((point, index) => num(point.envSteps) > num(recent[index - 1]?.envSteps ?? point.envSteps)).length;
  const seconds = secondsBetween(first, last);
  return seconds >= MIN_WINDOW_S && numMoves >= MIN_MOVES ? { first, last, seconds, numMoves } : null;
}

/** Return environment steps per second, waits included; null while it is too early to tell. */
export function stepsPerSecond(points: ProgressPoint[]): number | null {
  const window = windowOf(points);
  if (!window) return null;
  return (num(window.last.envSteps) - num(window.first.envSteps)) / window.seconds;
}

interface Waiting {
  /** Answers without which the learner can't continue. */
  numAwaited: number;
  numAnswered: number;
  labelBudget: number;
}

/**
 * Return how long the run will still take: the slower of its steps and its labels, each at the pace of the last minutes.
 *
 * Nothing can be said while it waits for answers or has not been running for long enough.
 */
export function timeLeft(points: ProgressPoint[], { numAwaited, numAnswered, labelBudget }: Waiting): Estimate {
  const newest = points.at(-1);
  if (!newest) return { value: "–", more: "" };
  const steps = num(newest.totalEnvSteps) - num(newest.envSteps);
  if (steps <= 0) return { value: "none", more: "all steps are done" };
  if (numAwaited > 0) return { value: "not known yet", more: `waiting for ${plural(numAwaited, "answer")}` };
  const window = windowOf(points);
  if (!window || num(newest.rewardVersion) === 0) return { value: "not known yet", more: "it hasn’t been learning for long enough" };
  const perSecond = (num(window.last.envSteps) - num(window.first.envSteps)) / window.seconds;
  const numLeft = Math.max(0, labelBudget - numAnswered);
  const answersPerSecond = (num(window.last.numAnswered) - num(window.first.numAnswered)) / window.seconds;
  const forSteps = steps / perSecond;
  if (numLeft === 0) return { value: `about ${duration(forSteps)}`, more: "at the pace of the last few minutes" };
  if (answersPerSecond <= 0) {
    return { value: `at least ${duration(forSteps)}`, more: `and until ${plural(numLeft, "more label")} are answered` };
  }
  const forLabels = numLeft / answersPerSecond;
  const more = forLabels > forSteps ? "at the current pace of answers" : "at the pace of the last few minutes";
  return { value: `about ${duration(Math.max(forSteps, forLabels))}`, more };
}

/** Return how many answers the learner needs now and later; never more than the budget allows. */
export function needs(newest: ProgressPoint | null, { numAwaited, numAnswered, labelBudget }: Waiting): Estimate {
  if (!newest) return { value: "–", more: "" };
  const budget = labelBudget || num(newest.labelBudget);
  const numLeft = Math.max(0, budget - numAnswered);
  if (numLeft === 0) return { value: "none", more: "all labels of the run are answered" };
  const numDue = Math.min(numLeft, Math.max(numAwaited, num(newest.numLabelsDue) - numAnswered, 0));
  const numLater = numLeft - numDue;
  const later = numLater === 0 ? "the last ones of the run" : `then ${short(numLater)} more${spread(newest, numLater)}`;
  if (numAwaited > 0 && numAwaited < numDue) return { value: `${numAwaited} to continue`, more: `${numDue} are due now, ${later}` };
  if (numDue === 0) return { value: "none now", more: later };
  return { value: `${numDue} now`, more: later };
}

/** Return over what time the later labels become due, if the learner's pace is known. */
function spread({ wishedLabelsPerHour: perHour }: ProgressPoint, count: number): string {
  if (!perHour) return "";
  const seconds = (count / perHour) * 3600;
  return seconds > 5400 ? `, about ${perHour < 1 ? "one" : short(perHour)} an hour` : ` within about ${duration(seconds)}`;
}

/** Return how often answers were predicted before they were learned from, with its 95% interval. */
export function predictedCorrectly(newest: ProgressPoint | null): Estimate {
  const share = newest?.preferenceAccuracy;
  const count = num(newest?.numAccuracyPreferences);
  if (share === undefined || count === 0) return { value: "–", more: "no answers predicted yet" };
  if (count < MIN_ANSWERS) return { value: "too early to say", more: `after ${plural(count, "answer")}` };
  const [low, high] = wilson(share, count);
  return {
    value: `${Math.round(share * 100)}%`,
    more: `of the newest ${count} answers; 95% interval ${Math.round(low * 100)} to ${Math.round(high * 100)}%`,
  };
}

/** Return at most how many answers a reward version had learned from; null before the first report. */
export function answersBehind(rewardVersion: number, points: ProgressPoint[]): number | null {
  // A version that no report names yet came after the newest report, which counts nearly all answers.
  const point = points.find((one) => num(one.rewardVersion) >= rewardVersion) ?? points.at(-1);
  return point ? num(point.numAnswered) : null;
}
