// Keeps a few pairs leased and their clips fetched, so that the next one is there before it is asked for.

import { call, fetchClip } from "./api.js";
import { Backoff, pause } from "./backoff.js";

const NUM_HELD = 3;
const LEASE_S = 120;
const WAIT_S = 20;
const RENEW_BEFORE_MS = 60_000;
const TEND_EVERY_MS = 5_000;
const AWAY_AFTER_MS = 5 * 60_000;
// What follows a key press is the next pair's; fetching and decoding another one waits until it plays.
const YIELD_MS = 250;

/**
 * Leases pairs, oldest first.
 *
 * A pair is {queryId, runId, question, leaseToken, endsAt, urls: {left, right} | null, isPrepared}.
 * Events: "change" when the first pair or the error may have changed, "lost" with {pair, reason}.
 */
export class LeaseQueue extends EventTarget {
  #runId;
  #prepare;
  #discard;
  #storageKey;
  #held = [];
  #lastSeen = Date.now();
  #wake = () => {};
  #error = null;

  /** Takes the run, the labeler, and what makes a fetched pair ready to be shown or lets it go. */
  constructor({ runId, labelerId, prepare, discard }) {
    super();
    this.#runId = runId;
    this.#prepare = prepare;
    this.#discard = discard;
    this.#storageKey = `somersault.leases.${labelerId}`;
  }

  /** The pair to show now, or null while there is none. */
  get first() {
    const pair = this.#held[0];
    return pair?.isPrepared ? pair : null;
  }

  /** True while a leased pair's clips are on their way. */
  get isFetching() {
    return this.#held.length > 0 && !this.#held[0].isPrepared;
  }

  /** Why the last lease failed; null if it did not. */
  get error() {
    return this.#error;
  }

  /** Forgets an error that is over: the labeler was heard of again, and knows the run. */
  forgive() {
    if (this.#error?.isUnreachable || this.#error?.code === "not_found") this.#setError(null);
  }

  async start() {
    await this.#takeUp();
    this.#leaseForever();
    this.#tendForever();
  }

  /** Notes that the labeler is here: leases are kept for nobody else. */
  see() {
    const wasAway = this.#isAway;
    this.#lastSeen = Date.now();
    if (wasAway) this.#wake();
  }

  /** Takes the first pair out because it was answered. */
  finish(pair) {
    this.#remove(pair);
  }

  /** Gives a pair to somebody else. */
  async release(pair) {
    this.#remove(pair);
    this.#discard(pair);
    await call("ReleaseQuery", { leaseToken: pair.leaseToken });
  }

  get #isAway() {
    return Date.now() - this.#lastSeen > AWAY_AFTER_MS;
  }

  /** Takes up the leases that this tab held before it was loaded again: the server would not give them twice. */
  async #takeUp() {
    const kept = JSON.parse(sessionStorage.getItem(this.#storageKey) ?? "[]");
    for (const pair of kept.filter((one) => !this.#runId || one.runId === this.#runId)) {
      try {
        const { remainingS } = await call("RenewLease", { leaseToken: pair.leaseToken, leaseS: LEASE_S });
        this.#hold({ ...pair, endsAt: Date.now() + remainingS * 1000 });
      } catch (error) {
        // One that ended or was answered can't be taken up; of one that nothing is known of, we shall hear.
        if (error.isTransient) this.#hold({ ...pair, endsAt: Date.now() });
      }
    }
  }

  async #leaseForever() {
    const backoff = new Backoff();
    for (;;) {
      const count = NUM_HELD - this.#held.length;
      if (count < 1 || this.#isAway) {
        await new Promise((resolve) => (this.#wake = resolve));
        continue;
      }
      try {
        const request = { runId: this.#runId, count, waitS: WAIT_S, leaseS: LEASE_S };
        const { leases = [] } = await call("LeaseQueries", request, { timeoutMs: (WAIT_S + 8) * 1000 });
        for (const lease of leases) this.#hold(pairOf(lease));
        this.#setError(null);
        backoff.reset();
      } catch (error) {
        this.#setError(error);
        await backoff.wait();
      }
    }
  }

  #hold(pair) {
    if (this.#held.some((one) => one.queryId === pair.queryId)) return;
    this.#held.push(pair);
    this.#keep();
    this.#fetch(pair);
  }

  async #fetch(pair) {
    const backoff = new Backoff();
    while (this.#held.includes(pair)) {
      try {
        const sides = ["left", "right"];
        const [left, right] = await Promise.all(sides.map((side) => fetchClip(pair.queryId, side)));
        pair.urls = { left: URL.createObjectURL(left), right: URL.createObjectURL(right) };
        await this.#prepare(pair);
        if (!this.#held.includes(pair)) return this.#discard(pair);
        pair.isPrepared = true;
        this.#emit("change", null);
        return;
      } catch (error) {
        if (error.isTransient) {
          await backoff.wait();
        } else {
          this.#lose(pair, "It could not be shown and was skipped.");
          call("ReleaseQuery", { leaseToken: pair.leaseToken }).catch(() => {});
        }
      }
    }
  }

  async #tendForever() {
    for (;;) {
      await pause(TEND_EVERY_MS);
      for (const pair of [...this.#held]) await this.#tend(pair);
    }
  }

  async #tend(pair) {
    const leftMs = pair.endsAt - Date.now();
    if (leftMs > RENEW_BEFORE_MS || (this.#isAway && leftMs > 0)) return;
    try {
      if (this.#isAway) throw new Error("nobody is here to answer it");
      const { remainingS } = await call("RenewLease", { leaseToken: pair.leaseToken, leaseS: LEASE_S });
      pair.endsAt = Date.now() + remainingS * 1000;
      this.#keep();
    } catch (error) {
      // While the server is away the pair stays: an answer to it waits in the outbox and may still count.
      if (error.isTransient || !this.#held.includes(pair)) return;
      this.#lose(pair, "Its time was over, so it goes to somebody else.");
    }
  }

  #lose(pair, reason) {
    this.#remove(pair);
    this.#discard(pair);
    this.#emit("lost", { pair, reason });
  }

  #remove(pair) {
    this.#held = this.#held.filter((one) => one !== pair);
    this.#keep();
    setTimeout(() => this.#wake(), this.#held.length ? YIELD_MS : 0);
  }

  #keep() {
    const kept = this.#held.map(({ queryId, runId, question, leaseToken }) => ({
      queryId, runId, question, leaseToken,
    }));
    sessionStorage.setItem(this.#storageKey, JSON.stringify(kept));
  }

  #setError(error) {
    const isNews = error?.code !== this.#error?.code;
    this.#error = error;
    if (isNews) this.#emit("change", null);
  }

  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

function pairOf({ leaseToken, query, remainingS = LEASE_S }) {
  return {
    queryId: query.queryId,
    runId: query.runId,
    question: query.question ?? "",
    leaseToken,
    endsAt: Date.now() + remainingS * 1000,
    urls: null,
    isPrepared: false,
  };
}
