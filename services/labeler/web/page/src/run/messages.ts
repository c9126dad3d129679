// The messages of the run page in JSON; see ../connect/messages for how.

import type { Query } from "../connect/messages";

export interface ProgressPoint {
  number: string;
  reportTime: string;
  envSteps?: string;
  totalEnvSteps?: string;
  envStepsPerS?: number;
  labelBudget?: string;
  numLabelsDue?: string;
  wishedLabelsPerHour?: number;
  numAnswered?: string;
  numLastHour?: string;
  preferenceAccuracy?: number;
  numAccuracyPreferences?: string;
  predictedRewardMean?: number;
  rewardVersion?: string;
  numPoolSegments?: string;
  trueReturnMean?: number;
  numEpisodes?: string;
}

export interface RunProgress {
  points?: ProgressPoint[];
  cursor?: string;
  readTime: string;
}

export type Preference = "PREFERENCE_LEFT" | "PREFERENCE_RIGHT" | "PREFERENCE_EQUAL" | "PREFERENCE_INCOMPARABLE";

export interface QueryAnswer {
  labelerId: string;
  name?: string;
  preference: Preference;
  answerTime: string;
}

export interface ClippedQuery {
  query: Query & { state?: string; proposedTime?: string };
  leftPredictedRewards?: (number | string)[];
  rightPredictedRewards?: (number | string)[];
  rewardVersion?: string;
  answers?: QueryAnswer[];
  leftDurationS?: number;
  rightDurationS?: number;
}
