// A run's reports as one line that never goes back, and what holds since it was last started.

import { num } from "../connect/messages";
import type { ProgressPoint } from "../connect/messages";

/** After so many seconds without a report the run's services are said to be silent: three of their quiet moments. */
export const SILENT_S = 60;

/**
 * Return the points that still hold, each at least as far as the one before.
 *
 * A resumed learner goes on from its checkpoint: what it did after that is done anew and replaced. A reward service that
 * was restarted reports 0 until the learner has said how far it is, which is no place to go back to.
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

/** Tell whether the newest report comes from a service that does not know yet how far the learner is. */
export function isResuming(points: ProgressPoint[]): boolean {
  return num(points.at(-1)?.envSteps) === 0 && points.some(({ envSteps }) => num(envSteps) > 0);
}

/** Return the newest points that follow each other without a restart or a silence. */
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
