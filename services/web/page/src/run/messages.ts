// The messages of the run, runs and owner pages in JSON; see ../connect/messages for how.

import type { Query, Run, Stats } from "../connect/messages";

export type RunState =
  | "RUN_STATE_UNSPECIFIED"
  | "RUN_STATE_RUNNING"
  | "RUN_STATE_PAUSED"
  | "RUN_STATE_STOPPED"
  | "RUN_STATE_FINISHED";

export interface RunResult {
  envSteps?: string;
  numLabels?: string;
  headline?: string;
  trueReturnMean?: number;
  finishTime?: string;
}

/** A run with what came of it, as `ListRuns` tells it. */
export interface ListedRun extends Run {
  state?: RunState;
  labelBudget?: string;
  isFinishing?: boolean;
  numAnswered?: string;
  newestPoint?: ProgressPoint;
  result?: RunResult;
  newestPolicyClip?: string;
  /** Where its folder is, from a server that only lists runs. */
  folder?: string;
}

/** A run's counts with where it is in its life. */
export interface RunStats extends Stats {
  runState?: RunState;
  labelBudget?: string;
  numAwaited?: string;
  result?: RunResult;
  task?: string;
}

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
  numAwaited?: string;
  trainingLoss?: number;
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

/** What one policy of a run does. */
export interface PolicyClip {
  policyVersion?: string;
  envSteps?: string;
  clipUrl: string;
  clipSha256?: string;
  durationS?: number;
  createTime?: string;
  isFinal?: boolean;
  predictedRewards?: (number | string)[];
  trueReturn?: number;
}
