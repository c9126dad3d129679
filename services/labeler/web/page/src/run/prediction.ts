// What the reward model predicted of a pair, made comparable.

import type { ClippedQuery } from "./messages";

export interface Prediction {
  left: number[];
  right: number[];
  /** How probable it held left to be preferred, 0 to 1; null for segments of different lengths. */
  leftProbability: number | null;
  /** The largest distance of a step from the pair's mean. */
  reach: number;
}

/**
 * Gives each step's predicted reward less the mean of both segments, or null where nothing was predicted.
 *
 * Preferences fix rewards up to a constant a step, so a level means something only beside the pair's other one.
 */
export function predictionOf(clipped: ClippedQuery): Prediction | null {
  const left = (clipped.leftPredictedRewards ?? []).map(Number);
  const right = (clipped.rightPredictedRewards ?? []).map(Number);
  if (left.length === 0 || right.length === 0) return null;
  const mean = (sum(left) + sum(right)) / (left.length + right.length);
  const centred = { left: left.map((reward) => reward - mean), right: right.map((reward) => reward - mean) };
  // Bradley–Terry on summed rewards: Christiano et al. 2017 (arXiv 1706.03741), equation 1.
  const leftProbability = left.length === right.length ? 1 / (1 + Math.exp(sum(right) - sum(left))) : null;
  const reach = [...centred.left, ...centred.right].reduce((most, reward) => Math.max(most, Math.abs(reward)), 0);
  return { ...centred, leftProbability, reach };
}

/** Says what was foretold and whether the answers agree. */
export function foretold({ leftProbability }: Prediction): string {
  if (leftProbability === null) return "";
  const side = leftProbability >= 0.5 ? "left" : "right";
  const certainty = Math.max(leftProbability, 1 - leftProbability);
  return `foretold ${side}, ${certainty > 0.99 ? "over 99" : Math.round(certainty * 100)}%`;
}

/** Gives whether an answer of left or right is the one that was foretold; null where there is none. */
export function isRight(prediction: Prediction | null, preference: string | undefined): boolean | null {
  if (!prediction || prediction.leftProbability === null) return null;
  if (preference === "PREFERENCE_LEFT") return prediction.leftProbability > 0.5;
  if (preference === "PREFERENCE_RIGHT") return prediction.leftProbability < 0.5;
  return null;
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
