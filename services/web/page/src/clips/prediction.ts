// What the reward model predicted for a pair or a policy's clip, made comparable.

import { MIN_ANSWERS } from "../chart/interval";
import type { ClippedQuery } from "../connect/messages";

export interface Prediction {
  left: number[];
  right: number[];
  /** Predicted probability that left is preferred, 0 to 1; null for segments of different lengths. */
  leftProbability: number | null;
  /** The largest distance of a step from the pair's mean. */
  reach: number;
}

/**
 * Return each step's predicted reward minus the mean of both segments, or null where nothing was predicted.
 *
 * Preferences determine rewards only up to a constant per step, so a level means something only within its pair.
 */
export function predictionOf(clipped: ClippedQuery): Prediction | null {
  const left = (clipped.leftPredictedRewards ?? []).map(Number);
  const right = (clipped.rightPredictedRewards ?? []).map(Number);
  if (left.length === 0 || right.length === 0) return null;
  const mean = (sum(left) + sum(right)) / (left.length + right.length);
  const centred = { left: left.map((reward) => reward - mean), right: right.map((reward) => reward - mean) };
  // Bradley–Terry on summed rewards: Christiano et al. 2017 (arXiv 1706.03741), equation 1.
  const leftProbability = left.length === right.length ? 1 / (1 + Math.exp(sum(right) - sum(left))) : null;
  return { ...centred, leftProbability, reach: reachOf([...centred.left, ...centred.right]) };
}

/** Return the rewards of one clip minus their mean, and their reach; null where nothing was predicted. */
export function centredRewards(predicted: (number | string)[] | undefined): { rewards: number[]; reach: number } | null {
  if (!predicted?.length) return null;
  const values = predicted.map(Number);
  const mean = sum(values) / values.length;
  const rewards = values.map((reward) => reward - mean);
  return { rewards, reach: reachOf(rewards) };
}

function reachOf(rewards: number[]): number {
  return rewards.reduce((most, reward) => Math.max(most, Math.abs(reward)), 0);
}

/**
 * Return what was predicted, in words.
 *
 * @param numAnswers At most how many answers the model had learned from; null if unknown. A network is as confident
 *   after one answer as after a thousand, so its confidence is shown only once it has learned from some.
 */
export function predictedWords({ leftProbability }: Prediction, numAnswers: number | null): string {
  if (leftProbability === null) return "";
  if (numAnswers !== null && numAnswers < MIN_ANSWERS) return "too early to say what it predicts";
  const side = leftProbability >= 0.5 ? "left" : "right";
  if (numAnswers === null) return `predicted ${side}`;
  const certainty = Math.max(leftProbability, 1 - leftProbability);
  return `predicted ${side}, with ${certainty > 0.99 ? "over 99" : Math.round(certainty * 100)}% confidence`;
}

/** Return whether an answer of left or right is the one that was predicted; null where that can't be said. */
export function isRight(
  prediction: Prediction | null,
  preference: string | undefined,
  numAnswers: number | null,
): boolean | null {
  if (!prediction || prediction.leftProbability === null) return null;
  if (numAnswers !== null && numAnswers < MIN_ANSWERS) return null;
  if (preference === "PREFERENCE_LEFT") return prediction.leftProbability > 0.5;
  if (preference === "PREFERENCE_RIGHT") return prediction.leftProbability < 0.5;
  return null;
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
