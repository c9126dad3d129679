// A leased pair of clips and the four answers to it.

import type { Lease, PreferenceName } from "../connect/messages";

export type Side = "left" | "right";

export type Preference = "left" | "right" | "equal" | "incomparable";

/** The answers as the API names them. */
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

/** What outlives the page's reload. */
export interface KeptPair {
  queryId: string;
  runId: string;
  question: string;
  guidelinesVersion: number;
  leaseToken: string;
}

export interface Pair extends KeptPair {
  /** When its lease ends, by Date.now. */
  endsAt: number;
  /** Where its clips are once they are fetched. */
  urls: Record<Side, string> | null;
  /** True once both clips can start within a frame. */
  isPrepared: boolean;
}

export function pairOf(kept: KeptPair, remainingS: number): Pair {
  return { ...kept, endsAt: Date.now() + remainingS * 1000, urls: null, isPrepared: false };
}

export function keptPairOf({ leaseToken, query }: Lease): KeptPair {
  return {
    queryId: query.queryId,
    runId: query.runId,
    question: query.question ?? "",
    guidelinesVersion: query.guidelinesVersion ?? 0,
    leaseToken,
  };
}
