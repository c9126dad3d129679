// Keeps a few pairs leased and their clips fetched, so that the next one is there before it is asked for.

import { Backoff, pause } from "../connect/backoff";
import { call, CallError, callError, fetchClip } from "../connect/call";
import type { Lease } from "../connect/messages";
import { Emitter } from "./emitter";
import { keptPairOf, pairOf, type KeptPair, type Pair } from "./pair";

const NUM_HELD = 3;
const LEASE_S = 120;
const WAIT_S = 20;
const RENEW_BEFORE_MS = 60_000;
const TEND_EVERY_MS = 5_000;
const AWAY_AFTER_MS = 5 * 60_000;
// What follows a key press is the next pair's; fetching and decoding another one waits until it plays.
const YIELD_MS = 250;

interface Events {
  /** The first pair or the error may have changed. */
  change: null;
  lost: { pair: Pair; reason: string };
}

interface QueueOptions {
  runId: string;
  labelerId: string;
  /** Makes a fetched pair ready to be shown. */
  prepare: (pair: Pair) => Promise<void>;
  /** Lets go of a pair. */
  discard: (pair: Pair) => void;
}

/** Leases pairs, oldest first. */
export class LeaseQueue extends Emitter<Events> {
  readonly #options: QueueOptions;
  readonly #storageKey: string;
  #held: Pair[] = [];
  #lastSeen = Date.now();
  #wake = () => {};
  #error: CallError | null = null;

  constructor(options: QueueOptions) {
    super();
    this.#options = options;
    this.#storageKey = `somersault.leases.${options.labelerId}`;
  }

  /** The pair to show now, or null while there is none. */
  get first(): Pair | null {
    const [pair] = this.#held;
    return pair?.isPrepared ? pair : null;
  }

  /** True while a leased pair's clips are on their way. */
  get isFetching(): boolean {
    const [pair] = this.#held;
    return pair !== undefined && !pair.isPrepared;
  }

  /** Why the last lease failed; null if it did not. */
  get error(): CallError | null {
    return this.#error;
  }

  /** Forgets an error that is over: the labeler was heard of again, and knows the run. */
  forgive(): void {
    if (this.#error?.isUnreachable || this.#error?.code === "not_found") this.#setError(null);
  }

  async start(): Promise<void> {
    await this.#takeUp();
    void this.#leaseForever();
    void this.#tendForever();
  }

  /** Notes that the labeler is here: leases are kept for nobody else. */
  see(): void {
    const wasAway = this.#isAway;
    this.#lastSeen = Date.now();
    if (wasAway) this.#wake();
  }

  /** Takes the first pair out because it was answered. */
  finish(pair: Pair): void {
    this.#remove(pair);
  }

  /** Gives a pair to somebody else. */
  async release(pair: Pair): Promise<void> {
    this.#remove(pair);
    this.#options.discard(pair);
    await call("ReleaseQuery", { leaseToken: pair.leaseToken });
  }

  get #isAway(): boolean {
    return Date.now() - this.#lastSeen > AWAY_AFTER_MS;
  }

  /** Takes up the leases that this tab held before it was loaded again: the server would not give them twice. */
  async #takeUp(): Promise<void> {
    const kept = JSON.parse(sessionStorage.getItem(this.#storageKey) ?? "[]") as KeptPair[];
    const { runId } = this.#options;
    for (const pair of kept.filter((one) => !runId || one.runId === runId)) {
      try {
        this.#hold(pairOf(pair, await renewed(pair)));
      } catch (error) {
        // One that ended or was answered can't be taken up; of one that nothing is known of, we shall hear.
        if (callError(error).isTransient) this.#hold(pairOf(pair, 0));
      }
    }
  }

  async #leaseForever(): Promise<never> {
    const backoff = new Backoff();
    for (;;) {
      const count = NUM_HELD - this.#held.length;
      if (count < 1 || this.#isAway) {
        await new Promise<void>((resolve) => (this.#wake = resolve));
        continue;
      }
      try {
        for (const lease of await this.#lease(count)) {
          this.#hold(pairOf(keptPairOf(lease), lease.remainingS ?? LEASE_S));
        }
        this.#setError(null);
        backoff.reset();
      } catch (error) {
        this.#setError(callError(error));
        await backoff.wait();
      }
    }
  }

  async #lease(count: number): Promise<Lease[]> {
    const request = { runId: this.#options.runId, count, waitS: WAIT_S, leaseS: LEASE_S };
    const options = { timeoutMs: (WAIT_S + 8) * 1000 };
    const { leases = [] } = await call<{ leases?: Lease[] }>("LeaseQueries", request, options);
    return leases;
  }

  #hold(pair: Pair): void {
    if (this.#held.some((one) => one.queryId === pair.queryId)) return;
    this.#held.push(pair);
    this.#keep();
    void this.#fetch(pair);
  }

  async #fetch(pair: Pair): Promise<void> {
    const backoff = new Backoff();
    while (this.#held.includes(pair)) {
      try {
        const clips = await Promise.all([fetchClip(pair.queryId, "left"), fetchClip(pair.queryId, "right")]);
        pair.urls = { left: URL.createObjectURL(clips[0]), right: URL.createObjectURL(clips[1]) };
        await this.#options.prepare(pair);
        if (!this.#held.includes(pair)) return this.#options.discard(pair);
        pair.isPrepared = true;
        return this.emit("change", null);
      } catch (error) {
        if (error instanceof CallError && error.isTransient) {
          await backoff.wait();
        } else {
          this.#lose(pair, "It could not be shown and was skipped.");
          call("ReleaseQuery", { leaseToken: pair.leaseToken }).catch(() => {});
        }
      }
    }
  }

  async #tendForever(): Promise<never> {
    for (;;) {
      await pause(TEND_EVERY_MS);
      for (const pair of [...this.#held]) await this.#tend(pair);
    }
  }

  async #tend(pair: Pair): Promise<void> {
    const leftMs = pair.endsAt - Date.now();
    if (leftMs > RENEW_BEFORE_MS || (this.#isAway && leftMs > 0) || !this.#held.includes(pair)) return;
    if (this.#isAway) return this.#lose(pair, "Its time was over, so it goes to somebody else.");
    try {
      pair.endsAt = Date.now() + (await renewed(pair)) * 1000;
    } catch (error) {
      // While the server is away the pair stays: an answer to it waits in the outbox and may still count.
      if (callError(error).isTransient || !this.#held.includes(pair)) return;
      this.#lose(pair, "Its time was over, so it goes to somebody else.");
    }
  }

  #lose(pair: Pair, reason: string): void {
    this.#remove(pair);
    this.#options.discard(pair);
    this.emit("lost", { pair, reason });
  }

  #remove(pair: Pair): void {
    this.#held = this.#held.filter((one) => one !== pair);
    this.#keep();
    setTimeout(() => this.#wake(), this.#held.length ? YIELD_MS : 0);
  }

  #keep(): void {
    const kept: KeptPair[] = this.#held.map(({ queryId, runId, question, guidelinesVersion, leaseToken }) => ({
      queryId,
      runId,
      question,
      guidelinesVersion,
      leaseToken,
    }));
    sessionStorage.setItem(this.#storageKey, JSON.stringify(kept));
  }

  #setError(error: CallError | null): void {
    const isNews = error?.code !== this.#error?.code;
    this.#error = error;
    if (isNews) this.emit("change", null);
  }
}

/** Prolongs a pair's lease and gives the seconds that it lasts. */
async function renewed(pair: KeptPair): Promise<number> {
  const request = { leaseToken: pair.leaseToken, leaseS: LEASE_S };
  return (await call<{ remainingS?: number }>("RenewLease", request)).remainingS ?? 0;
}
