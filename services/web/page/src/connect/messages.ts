// The labeler's messages in JSON, as far as the pages use them. Zeros, false, "" and empty lists are left out, and 64-bit
// numbers are strings: https://protobuf.dev/programming-guides/json

/** A 64-bit number; absent for 0. */
export type Count = string | undefined;

/** Gives a count as a number. */
export function num(count: Count | number): number {
  return Number(count ?? 0);
}

export interface Side {
  segmentId: string;
}

export interface Query {
  queryId: string;
  runId: string;
  question?: string;
  guidelinesVersion?: number;
}

export interface Lease {
  leaseToken: string;
  query: Query;
  remainingS?: number;
}

/** Where a run is in its life. */
export type RunState =
  | "RUN_STATE_UNSPECIFIED"
  | "RUN_STATE_RUNNING"
  | "RUN_STATE_PAUSED"
  | "RUN_STATE_STOPPED"
  | "RUN_STATE_FINISHED";

/** What came of a run. */
export interface RunResult {
  envSteps?: string;
  numLabels?: string;
  headline?: string;
  trueReturnMean?: number;
  finishTime?: string;
}

export interface Stats {
  numRendering?: string;
  numReady?: string;
  numLeased?: string;
  numAnswered?: string;
  numLeft?: string;
  numRight?: string;
  numEqual?: string;
  numIncomparable?: string;
  numLastHour?: string;
  numOwn?: string;
  question?: string;
  oldestReadyAgeS?: number;
  numLastHourByLabelers?: string;
  numLastHourByTeachers?: string;
  guidelinesVersion?: number;
  isPaused?: boolean;
  runState?: RunState;
  labelBudget?: string;
  numAwaited?: string;
  result?: RunResult;
  task?: string;
}

export type PreferenceName = "PREFERENCE_LEFT" | "PREFERENCE_RIGHT" | "PREFERENCE_EQUAL" | "PREFERENCE_INCOMPARABLE";

/** One of the caller's own answers, in its newest version. */
export interface OwnAnswer {
  query: Query;
  answerId: string;
  version?: number;
  preference: PreferenceName;
  answerTime?: string;
  isRevisable?: boolean;
}

/** A clip of what a policy of the run does. */
export interface PolicyClip {
  policyVersion?: string;
  envSteps?: string;
  clipUrl?: string;
  isFinal?: boolean;
}

/** A pair whose answer is obvious; clips in base64. */
export interface PracticePair {
  leftClip?: string;
  rightClip?: string;
  preference: PreferenceName;
  explanation?: string;
}

export interface Guidelines {
  text?: string;
  version?: number;
  createTime?: string;
}

export interface Run {
  runId: string;
  task?: string;
  question?: string;
  createTime?: string;
  targetAnswers?: number;
  asksAgainOnDisagreement?: boolean;
  goldInterval?: number;
  guidelinesVersion?: number;
  newestLogCursor?: string;
  isPaused?: boolean;
}

export interface Agreement {
  numQueries?: string;
  numPairs?: string;
  pairwiseAgreement?: number;
  krippendorffAlpha?: number;
}

export type Role = "ROLE_LABELER" | "ROLE_TEACHER" | "ROLE_SERVICE" | "ROLE_OWNER";

export interface Labeler {
  labelerId: string;
  name?: string;
  role: Role;
  createTime?: string;
  revokeTime?: string;
}

/** A share of trials with its 95% Wilson interval. */
export interface Share {
  num?: string;
  numTrue?: string;
  share?: number;
  low?: number;
  high?: number;
}

export interface LabelerQuality {
  labelerId: string;
  name?: string;
  role?: Role;
  weight?: number;
  numAnswers?: string;
  goldAccuracy?: Share;
  consistency?: Share;
  fast?: Share;
  left?: Share;
  entropyBits?: number;
  isInaccurate?: boolean;
  isInconsistent?: boolean;
  isHasty?: boolean;
  isBiased?: boolean;
}

/** Where a run's log is sent, and how far that got. */
export interface Webhook {
  webhookId: string;
  url: string;
  createTime?: string;
  deliveredCursor?: string;
  numFailures?: string;
  successTime?: string;
  errorTime?: string;
  error?: string;
}

export interface AuditEntry {
  number: string;
  commitTime: string;
  labelerId: string;
  role?: Role;
  action: string;
  runId?: string;
  object?: string;
  detail?: string;
}
