// The run's progress in words.

import { num, type Stats } from "../../connect/messages";
import { ofBudget } from "../../shell/words";

/** With this many answers in the last hour, their pace predicts that of the next. */
const NUM_TRUSTED = 10;

/** Return "7 of 20" where the run has a label budget, else "7". */
export function budgeted(numAnswered: number, stats: Stats | null): string {
  return ofBudget(numAnswered, num(stats?.labelBudget));
}

/** Return how many answers the run still needs; without a budget, the number of open questions. */
export function numLeft(numAnswered: number, stats: Stats): number {
  const budget = num(stats.labelBudget);
  if (budget) return Math.max(0, budget - numAnswered);
  return num(stats.numRendering) + num(stats.numReady) + num(stats.numLeased);
}

/** Return in words how long the answers will take at the last hour's pace or the labeler's own, whichever is faster. */
export function timeLeft(numWanted: number, { perHour, perMinute }: { perHour: number; perMinute: number | null }): string {
  // Two answers in the last hour may have been given a minute ago: their pace isn't two an hour.
  const pace = Math.max(perHour >= NUM_TRUSTED ? perHour : 0, (perMinute ?? 0) * 60);
  if (numWanted === 0 || pace === 0) return "–";
  const minutes = (numWanted / pace) * 60;
  if (minutes < 1) return "< 1 min";
  if (minutes < 90) return `${Math.round(minutes)} min`;
  return `${Math.round(minutes / 60)} h`;
}
