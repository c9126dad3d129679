// The leased pair: its lease is renewed while it may be looked at, and resumed after a reload.

import { fromJsonString, toJsonString } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { type Labeler } from "./api";
import { type RunState } from "./gen/somersault/v1/labeler_pb";
import { LeaseSchema, type Lease } from "./gen/somersault/v1/preference_pb";

const KEY = "held lease"; // in sessionStorage, which a reload keeps and a closed tab forgets
const LEASE_S = 60; // short, so that others soon get a closed tab's pair
const LONGEST_LOOK_MS = 300_000;

/** Holds a leased pair until it is dropped or hasn't been judged for long. */
export class Hold {
  #end: number;
  #isDropped = false;

  constructor(
    readonly labeler: Labeler,
    readonly lease: Lease,
  ) {
    sessionStorage.setItem(KEY, toJsonString(LeaseSchema, lease));
    this.#end = performance.now() + 1000 * lease.remainingS;
    void this.#renew();
  }

  /** True until the lease ends; after that another labeler may have the pair. */
  get isLive(): boolean {
    return performance.now() < this.#end;
  }

  /** Forget the pair: it is answered, returned or lost. */
  drop(): void {
    this.#isDropped = true;
    sessionStorage.removeItem(KEY);
  }

  async #renew(): Promise<void> {
    const giveUp = performance.now() + LONGEST_LOOK_MS;
    while (this.isLive && performance.now() < giveUp) {
      const pauseMs = Math.max(1000, (this.#end - performance.now()) / 2);
      await new Promise((resume) => setTimeout(resume, pauseMs));
      if (this.#isDropped) return;
      const { leaseToken } = this.lease;
      try {
        const { remainingS } = await this.labeler.renewLease({ leaseToken, leaseS: LEASE_S });
        this.#end = performance.now() + 1000 * remainingS;
      } catch {
        // The lease is still valid until its end, so try again until then.
      }
    }
  }
}

/** Return the next pair, or after a reload the one that was shown; without one, the run's state. */
export async function nextLease(labeler: Labeler, runId: string): Promise<Lease | RunState> {
  const kept = sessionStorage.getItem(KEY);
  if (kept) {
    const lease = fromJsonString(LeaseSchema, kept);
    try {
      lease.remainingS = (await labeler.renewLease({ leaseToken: lease.leaseToken, leaseS: LEASE_S })).remainingS;
      return lease;
    } catch (error) {
      if (ConnectError.from(error).code !== Code.FailedPrecondition) throw error;
      sessionStorage.removeItem(KEY); // it has ended
    }
  }
  const asked = { runId, count: 1, waitS: 30, leaseS: LEASE_S };
  const { leases, runState } = await labeler.leaseQueries(asked, { timeoutMs: 40_000 });
  return leases[0] ?? runState;
}
