// Whether somebody sits before the page. Leases are kept for nobody else.

import { Emitter } from "../emitter";

/** A tab that nobody sees for so long is left. */
const HIDDEN_MS = 60_000;
/** So is one that nobody touches for so long: clips are 1 to 3 seconds long. */
const STILL_MS = 3 * 60_000;
const CHECK_EVERY_MS = 1_000;

const SIGNS = ["keydown", "pointerdown", "pointermove", "wheel", "touchstart"] as const;

interface Events {
  away: null;
  back: null;
}

/** Notices who leaves and who comes back. */
export class Presence extends Emitter<Events> {
  readonly #holdsPairs: () => boolean;
  #seenAt = Date.now();
  #hiddenAt = document.hidden ? Date.now() : null;
  #isAway = false;

  /** `holdsPairs` tells whether others wait for this page's pairs: who only waits for one may sit as still as they like. */
  constructor(holdsPairs: () => boolean) {
    super();
    this.#holdsPairs = holdsPairs;
    // First of all: a key that ends an absence must find the page awake.
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
