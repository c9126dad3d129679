// The pair that is ours for now: renewed while somebody may look at it, taken up again after a reload.

import { fromJsonString, toJsonString } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { type Labeler } from "./api";
import { type RunState } from "./gen/somersault/v1/labeler_pb";
import { LeaseSchema, type Lease } from "./gen/somersault/v1/preference_pb";

const KEY = "held lease"; // in sessionStorage: a reload goes on with it, a closed tab forgets it
const LEASE_S = 60; // short, so that others soon get what a closed tab held
const LONGEST_LOOK_MS = 300_000;

/** Holds a leased pair until it is dropped or nobody has judged it for long. */
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

  /** True until the lease ends: then somebody else may have the pair. */
  get isLive(): boolean {
    return performance.now() < this.#end;
  }

  /** Forgets the pair: it is answered, given back or lost. */
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
        // It is ours until its end all the same, and until then we try again.
      }
    }
  }
}

/** Return the next pair, after a reload the one that was on show; else in which state the run has none. */
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
