// A leased pair of clips and the four answers to it.

import type { Lease, PreferenceName } from "../../connect/messages";

export type Side = "left" | "right";

export type Preference = "left" | "right" | "equal" | "incomparable";

/** The answers under their names in the API. */
export const PREFERENCES: Record<Preference, PreferenceName> = {
  left: "PREFERENCE_LEFT",
  right: "PREFERENCE_RIGHT",
  equal: "PREFERENCE_EQUAL",
  incomparable: "PREFERENCE_INCOMPARABLE",
};

/** Return the answer that the API's name stands for. */
export function preferenceOf(name: PreferenceName): Preference {
  return (Object.keys(PREFERENCES) as Preference[]).find((each) => PREFERENCES[each] === name) ?? "incomparable";
}

export interface Pair {
  queryId: string;
  runId: string;
  question: string;
  guidelinesVersion: number;
  leaseToken: string;
  /** When its lease ends, by Date.now. */
  endsAt: number;
  /** Where the gateway serves its clips. */
  clipPaths: Record<Side, string>;
  /** The URLs of its clips once they are fetched. */
  urls: Record<Side, string> | null;
  /** Whether both clips can start within a frame. */
  isPrepared: boolean;
}

/** Return the pair of a lease. */
export function pairOf({ leaseToken, query, remainingS = 0 }: Lease): Pair {
  return {
    queryId: query.queryId,
    runId: query.runId,
    question: query.question ?? "",
    guidelinesVersion: query.guidelinesVersion ?? 0,
    leaseToken,
    clipPaths: { left: query.left?.clipUrl ?? "", right: query.right?.clipUrl ?? "" },
    endsAt: Date.now() + remainingS * 1000,
    urls: null,
    isPrepared: false,
  };
}
