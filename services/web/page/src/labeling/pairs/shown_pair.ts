// The pair on screen, and since when.

import type { Pair } from "./pair";
import type { Stage } from "./stage";

const FREE_AFTER_MS = 400; // not while the next pair starts to play

/** Puts pairs on the stage and takes them off again. */
export class ShownPair {
  readonly #stage: Stage;
  readonly #isDue: (pair: Pair) => boolean;
  #pair: Pair | null = null;
  #since = 0;

  /** `isDue` says whether a pair may be shown again soon. */
  constructor(stage: Stage, isDue: (pair: Pair) => boolean) {
    this.#stage = stage;
    this.#isDue = isDue;
  }

  get pair(): Pair | null {
    return this.#pair;
  }

  /** Show a pair or nothing; `askedAt` is when the key for it was pressed, 0 if none was. */
  put(pair: Pair | null, askedAt: number): void {
    const before = this.#pair;
    this.#pair = pair;
    if (pair) this.#stage.show(pair, askedAt);
    else this.#stage.hide();
    this.startClock();
    if (before) setTimeout(() => this.#free(before), FREE_AFTER_MS);
  }

  /** Start the response time: reading guidelines is not deciding. */
  startClock(): void {
    this.#since = performance.now();
  }

  /** Return how long an answer took in ms, given when it came by performance.now. */
  responseMs(time: number): number {
    return Math.max(1, Math.round(time - this.#since));
  }

  /** Release everything that a pair holds. */
  discard(pair: Pair): void {
    this.#stage.forget(pair);
    if (!pair.urls) return;
    URL.revokeObjectURL(pair.urls.left);
    URL.revokeObjectURL(pair.urls.right);
    pair.urls = null;
  }

  /** Free a pair's decoders, unless it is on screen or due again by now. */
  #free(pair: Pair): void {
    if (pair !== this.#pair && !this.#isDue(pair)) this.#stage.forget(pair);
  }
}
