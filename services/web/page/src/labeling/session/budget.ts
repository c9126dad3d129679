// How far a run is, in words.

import { num, type Stats } from "../../connect/messages";
import { ofBudget } from "../../shell/words";

/** From so many answers in the last hour on, their pace says something about the next. */
const NUM_TRUSTED = 10;

/** Return "7 of 20" where the run has a label budget, else "7". */
export function budgeted(numAnswered: number, stats: Stats | null): string {
  return ofBudget(numAnswered, num(stats?.labelBudget));
}

/** Return how many answers are wanted until the run has all; without a budget, the questions that are open. */
export function numLeft(numAnswered: number, stats: Stats): number {
  const budget = num(stats.labelBudget);
  if (budget) return Math.max(0, budget - numAnswered);
  return num(stats.numRendering) + num(stats.numReady) + num(stats.numLeased);
}

/** Return how long so many answers take, in words: at the pace of the last hour, or at one's own if that is faster. */
export function timeLeft(numWanted: number, { perHour, perMinute }: { perHour: number; perMinute: number | null }): string {
  // Two answers in the last hour may have been given a minute ago: their pace isn't two an hour.
  const pace = Math.max(perHour >= NUM_TRUSTED ? perHour : 0, (perMinute ?? 0) * 60);
  if (numWanted === 0 || pace === 0) return "–";
  const minutes = (numWanted / pace) * 60;
  if (minutes < 1) return "< 1 min";
  if (minutes < 90) return `${Math.round(minutes)} min`;
  return `${Math.round(minutes / 60)} h`;
}
