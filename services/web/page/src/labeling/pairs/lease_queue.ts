// Keeps a few pairs leased and their clips fetched, so that the next one is ready before it is needed.

import { Backoff, pause, tryNow } from "../../connect/backoff";
import { call, CallError, asCallError, fetchBlob } from "../../connect/call";
import type { RunState } from "../../connect/messages";
import { Emitter } from "../emitter";
import { pairOf, type Pair } from "./pair";

const NUM_HELD = 3;
const LEASE_S = 120;
const WAIT_S = 20;
const RENEW_BEFORE_MS = 60_000;
const TEND_EVERY_MS = 5_000;
// The moment after a key press belongs to the next pair; fetching and decoding another one waits until it plays.
const YIELD_MS = 250;
// A paused or finished run replies at once that there is nothing.
const NOTHING_MS = 3_000;

/** Why no pairs are held at present. */
export type SuspendReason = "unstarted" | "away" | "practice" | "over" | "left";

interface Events {
  /** The first pair or the error may have changed. */
  change: null;
  lost: { pair: Pair; reason: string };
  /** The run's state, as a lease reply told it. */
  state: RunState;
}

interface QueueOptions {
  runId: string;
  labelerId: string;
  /** Makes a fetched pair ready to be shown. */
  prepare: (pair: Pair) => Promise<void>;
  /** Releases what a pair holds. */
  discard: (pair: Pair) => void;
}

/** Leases pairs, oldest first. */
export class LeaseQueue extends Emitter<Events> {
  readonly #options: QueueOptions;
  readonly #returnedKey: string;
  readonly #suspended = new Set<SuspendReason>(["unstarted"]);
  #held: Pair[] = [];
  #asking = new AbortController();
  #wake = () => {};
  #error: CallError | null = null;

  constructor(options: QueueOptions) {
    super();
    this.#options = options;
    this.#returnedKey = `somersault.returned.${options.labelerId}`;
    addEventListener("pagehide", () => this.suspend("left"));
    // Restored from the browser's back-forward cache.
    addEventListener("pageshow", () => this.resume("left"));
    void this.#leaseForever();
    void this.#tendForever();
  }

  /** The pair to show now, or null while there is none. */
  get first(): Pair | null {
    const [pair] = this.#held;
    return pair?.isPrepared ? pair : null;
  }

  /** Whether any pair is held, shown or not. */
  get isHolding(): boolean {
    return this.#held.length > 0;
  }

  /** Whether the first pair's clips are still being fetched. */
  get isFetching(): boolean {
    const [pair] = this.#held;
    return pair !== undefined && !pair.isPrepared;
  }

  /** Why the last lease failed; null if it didn't. */
  get error(): CallError | null {
    return this.#error;
  }

  /** Forget an error that no longer holds: the labeler responded and knows the run. */
  forgive(): void {
    if (this.#error?.isUnreachable || this.#error?.code === "not_found") this.#setError(null);
  }

  /** Start leasing. */
  async start(): Promise<void> {
    // The pairs that the previous page returned as it closed may still be on their way. Leasing only after they have
    // arrived gives a reloaded page the same pairs.
    const returned = JSON.parse(sessionStorage.getItem(this.#returnedKey) ?? "[]") as string[];
    await Promise.all(returned.map((token) => returnLease(token).catch(() => {})));
    sessionStorage.removeItem(this.#returnedKey);
    this.resume("unstarted");
  }

  /** Return all pairs, so that others may answer them, and lease none until `resume`. */
  suspend(reason: SuspendReason): void {
    this.#suspended.add(reason);
    this.#asking.abort();
    const pairs = this.#held;
    this.#held = [];
    const tokens = pairs.map(({ leaseToken }) => leaseToken);
    if (reason === "left") sessionStorage.setItem(this.#returnedKey, JSON.stringify(tokens));
    for (const pair of pairs) {
      // A lease that can't be returned expires on its own.
      returnLease(pair.leaseToken).catch(() => {});
      this.#options.discard(pair);
    }
    this.emit("change", null);
  }

  /** Lease again, unless there is another reason not to. */
  resume(reason: SuspendReason): void {
    if (!this.#suspended.delete(reason) || this.#suspended.size) return;
    this.#wake();
    tryNow();
    this.emit("change", null);
  }

  /** Remove a pair because it was answered. */
  finish = (pair: Pair): void => this.#remove(pair);

  /** Give a pair to others for good. */
  async release(pair: Pair): Promise<void> {
    this.#remove(pair);
    this.#options.discard(pair);
    await call("ReleaseQuery", { leaseToken: pair.leaseToken });
  }

  async #leaseForever(): Promise<never> {
    const backoff = new Backoff();
    for (;;) {
      const count = NUM_HELD - this.#held.length;
      if (count < 1 || this.#suspended.size) {
        await new Promise<void>((resolve) => (this.#wake = resolve));
        continue;
      }
      try {
        const hasLeased = await this.#lease(count);
        this.#setError(null);
        backoff.reset();
        if (!hasLeased) await pause(NOTHING_MS);
      } catch (error) {
        if (this.#asking.signal.aborted) continue;
        this.#setError(asCallError(error));
        await backoff.wait();
      }
    }
  }

  /** Lease up to `count` pairs; return whether there were any or the server waited for some. */
  async #lease(count: number): Promise<boolean> {
    this.#asking = new AbortController();
    const askedAt = Date.now();
    const request = { runId: this.#options.runId, count, waitS: WAIT_S, leaseS: LEASE_S };
    const options = { timeoutMs: (WAIT_S + 8) * 1000, signal: this.#asking.signal };
    const reply = await call("LeaseQueries", request, options);
    const leases = reply.leases ?? [];
    for (const lease of leases) {
      // They arrived just as leasing was suspended.
      if (this.#suspended.size) returnLease(lease.leaseToken).catch(() => {});
      else this.#hold(pairOf(lease));
    }
    if (reply.runState) this.emit("state", reply.runState);
    return leases.length > 0 || Date.now() - askedAt > NOTHING_MS;
  }

  #hold(pair: Pair): void {
    if (this.#held.some((one) => one.queryId === pair.queryId)) return;
    this.#held.push(pair);
    void this.#fetch(pair);
  }

  async #fetch(pair: Pair): Promise<void> {
    const backoff = new Backoff();
    while (this.#held.includes(pair)) {
      try {
        const clips = await Promise.all([fetchBlob(pair.clipPaths.left), fetchBlob(pair.clipPaths.right)]);
        pair.urls = { left: URL.createObjectURL(clips[0]), right: URL.createObjectURL(clips[1]) };
        await this.#options.prepare(pair);
        if (!this.#held.includes(pair)) return this.#options.discard(pair);
        pair.isPrepared = true;
        return this.emit("change", null);
      } catch (error) {
        if (error instanceof CallError && error.isTransient) {
          await backoff.wait();
        } else if (this.#held.includes(pair)) {
          this.#lose(pair, "The pair couldn’t be shown and was skipped.");
          // One whose clip is rendered again may come back; one that can't be played may not.
          const isReturned = error instanceof CallError && ["not_found", "data_loss"].includes(error.code);
          call("ReleaseQuery", { leaseToken: pair.leaseToken, isReturned }).catch(() => {});
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
    if (pair.endsAt - Date.now() > RENEW_BEFORE_MS || !this.#held.includes(pair)) return;
    try {
      pair.endsAt = Date.now() + (await renewLease(pair)) * 1000;
    } catch (error) {
      // While the server is unreachable the pair stays: an answer to it waits in the outbox and may still count.
      if (asCallError(error).isTransient || !this.#held.includes(pair)) return;
      this.#lose(pair, "The pair’s time was up; others may get it now.");
    }
  }

  #lose(pair: Pair, reason: string): void {
    this.#remove(pair);
    this.#options.discard(pair);
    this.emit("lost", { pair, reason });
  }

  #remove(pair: Pair): void {
    this.#held = this.#held.filter((one) => one !== pair);
    setTimeout(() => this.#wake(), this.#held.length ? YIELD_MS : 0);
  }

  #setError(error: CallError | null): void {
    const isNews = error?.code !== this.#error?.code;
    this.#error = error;
    if (isNews) this.emit("change", null);
  }
}

/** Renew a pair's lease and return the seconds that remain. */
async function renewLease(pair: Pair): Promise<number> {
  const request = { leaseToken: pair.leaseToken, leaseS: LEASE_S };
  return (await call("RenewLease", request)).remainingS ?? 0;
}

/** End a lease without an answer, even while the page is closing; the pair may come again. */
async function returnLease(leaseToken: string): Promise<void> {
  await call("ReleaseQuery", { leaseToken, isReturned: true }, { keepalive: true });
}
