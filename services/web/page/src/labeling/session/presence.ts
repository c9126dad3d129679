// Whether the labeler is at the page. Leases are held only while they are.

import { Emitter } from "../emitter";

/** A tab that has been hidden this long counts as left. */
const HIDDEN_MS = 60_000;
/** So does one without input for this long: clips last 1 to 3 seconds. */
const STILL_MS = 3 * 60_000;
const CHECK_EVERY_MS = 1_000;

const SIGNS = ["keydown", "pointerdown", "pointermove", "wheel", "touchstart"] as const;

interface Events {
  away: null;
  back: null;
}

/** Notices when the labeler leaves and comes back. */
export class Presence extends Emitter<Events> {
  readonly #holdsPairs: () => boolean;
  #seenAt = Date.now();
  #hiddenAt = document.hidden ? Date.now() : null;
  #isAway = false;

  /** `holdsPairs` says whether this page holds pairs: while it only waits for one, being idle doesn't count. */
  constructor(holdsPairs: () => boolean) {
    super();
    this.#holdsPairs = holdsPairs;
    // First, so that a key that ends an absence finds the page active.
    for (const sign of SIGNS) addEventListener(sign, () => this.#see(), { capture: true, passive: true });
    document.addEventListener("visibilitychange", () => {
      this.#hiddenAt = document.hidden ? Date.now() : null;
      if (!document.hidden) this.#see();
    });
    setInterval(() => this.#check(), CHECK_EVERY_MS);
  }

  get isAway(): boolean {
    return this.#isAway;
  }

  #see(): void {
    this.#seenAt = Date.now();
    if (!this.#isAway) return;
    this.#isAway = false;
    this.emit("back", null);
  }

  #check(): void {
    if (this.#hiddenAt === null && !this.#isAway && !this.#holdsPairs()) this.#seenAt = Date.now();
    const isUnseen = this.#hiddenAt !== null && Date.now() - this.#hiddenAt >= HIDDEN_MS;
    if (this.#isAway || !(isUnseen || Date.now() - this.#seenAt >= STILL_MS)) return;
    this.#isAway = true;
    this.emit("away", null);
  }
}
