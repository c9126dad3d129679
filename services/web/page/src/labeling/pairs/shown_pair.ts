// The pair before the labeler, and when it came there.

import type { Pair } from "./pair";
import type { Stage } from "./stage";

const LET_GO_AFTER_MS = 400; // not while the next pair starts to play

/** Puts pairs on the stage and clears them away. */
export class ShownPair {
  readonly #stage: Stage;
  readonly #isDue: (pair: Pair) => boolean;
  #pair: Pair | null = null;
  #since = 0;

  /** Takes the stage, and whether a pair may be shown again soon. */
  constructor(stage: Stage, isDue: (pair: Pair) => boolean) {
    this.#stage = stage;
    this.#isDue = isDue;
  }

  get pair(): Pair | null {
    return this.#pair;
  }

  /** Show a pair or nothing; `askedAt` is when a key asked for it, 0 if none did. */
  put(pair: Pair | null, askedAt: number): void {
    const before = this.#pair;
    this.#pair = pair;
    if (pair) this.#stage.show(pair, askedAt);
    else this.#stage.hide();
    this.startClock();
    if (before) setTimeout(() => this.#letGo(before), LET_GO_AFTER_MS);
  }

  /** Response times count from here: reading guidelines is not deciding. */
  startClock(): void {
    this.#since = performance.now();
  }

  /** Return how long it took to answer at a time of performance.now, ms. */
  responseMs(time: number): number {
    return Math.max(1, Math.round(time - this.#since));
  }

  /** Let go of all that a pair holds. */
  discard(pair: Pair): void {
    this.#stage.forget(pair);
    if (!pair.urls) return;
    URL.revokeObjectURL(pair.urls.left);
    URL.revokeObjectURL(pair.urls.right);
    pair.urls = null;
  }

  /** Frees a pair's decoders, unless it is still to be answered or shown again by now. */
  #letGo(pair: Pair): void {
    if (pair !== this.#pair && !this.#isDue(pair)) this.#stage.forget(pair);
  }
}
