// How fast the labeler answers.

const NUM_KEPT = 20;
/** With this many answers, their pace predicts that of the next. */
const NUM_TRUSTED = 10;
const BREAK_MS = 60_000;

/** Answers per minute over the newest answers; breaks of over a minute don't count. */
export class Pace {
  #times: number[] = [];

  note(now = Date.now()): void {
    const last = this.#times.at(-1);
    if (last && now - last > BREAK_MS) this.#times = [];
    this.#times.push(now);
    if (this.#times.length > NUM_KEPT) this.#times.shift();
  }

  /** Answers per minute, or null before there are enough to predict the next ones. */
  get perMinuteTrusted(): number | null {
    return this.#times.length < NUM_TRUSTED ? null : this.perMinute;
  }

  /** Answers per minute, or null before there are three. */
  get perMinute(): number | null {
    const [first] = this.#times;
    const last = this.#times.at(-1);
    if (this.#times.length < 3 || first === undefined || last === undefined) return null;
    return ((this.#times.length - 1) * 60_000) / Math.max(1, last - first);
  }
}
