// A run's reports as one line that never goes back, and its part since the run was last started.

import { num } from "../connect/messages";
import type { ProgressPoint } from "../connect/messages";

/** Seconds without a report after which the run's services count as silent: three times their longest usual gap. */
export const SILENT_S = 60;

/**
 * Return the points that are still valid, each at least as far along as the previous one.
 *
 * A resumed learner starts from its checkpoint, and what it does from there replaces what it had done before. A restarted
 * reward service reports 0 until the learner has told it how far it is; such points are left out.
 */
export function continuous(points: ProgressPoint[]): ProgressPoint[] {
  const kept: ProgressPoint[] = [];
  for (const point of points) {
    const steps = num(point.envSteps);
    if (steps === 0 && num(kept.at(-1)?.envSteps) > 0) continue;
    while (kept.length > 0 && num(kept.at(-1)?.envSteps) > steps) kept.pop();
    kept.push(point);
  }
  return kept;
}

/** Return whether the newest report comes from a service that doesn't know yet how far the learner is. */
export function isResuming(points: ProgressPoint[]): boolean {
  return num(points.at(-1)?.envSteps) === 0 && points.some(({ envSteps }) => num(envSteps) > 0);
}

/** Return the newest points without a restart or a silence between them. */
export function sinceRestart(points: ProgressPoint[]): ProgressPoint[] {
  let begin = 0;
  let hasMoved = false;
  points.forEach((point, index) => {
    const before = points[index - 1];
    if (!before) return;
    hasMoved ||= num(before.envSteps) > 0;
    const isBack = num(point.envSteps) < num(before.envSteps);
    const isFound = hasMoved && num(before.envSteps) === 0 && num(point.envSteps) > 0;
    if (isBack || isFound || secondsBetween(before, point) > SILENT_S) begin = index;
  });
  return points.slice(begin);
}

export function secondsBetween(earlier: ProgressPoint, later: ProgressPoint): number {
  return (Date.parse(later.reportTime) - Date.parse(earlier.reportTime)) / 1000;
}
