// Suggests a break after long steady work, or when the pace falls.

const BREAK_MS = 2 * 60_000;
const STEADY_MS = 20 * 60_000;
const NUM_WINDOW = 10;
const EARLIEST_SLOW_MS = 5 * 60_000;
const SLOW_SHARE = 0.5;

/** Watches the times of answers and suggests a break, once. */
export class BreakReminder {
  #times: number[] = [];
  #steadySince = 0;
  #best = 0;
  #isProposed = false;

  /** Note an answer; return why to take a break, or null. */
  note(now = Date.now()): string | null {
    const last = this.#times.at(-1);
    if (last === undefined || now - last > BREAK_MS) this.#begin(now);
    this.#times.push(now);
    if (this.#times.length > NUM_WINDOW) this.#times.shift();
    const perMinute = this.#perMinute;
    this.#best = Math.max(this.#best, perMinute);
    const reason = this.#isProposed ? null : this.#reason(now, perMinute);
    if (reason) this.#isProposed = true;
    return reason;
  }

  #begin(now: number): void {
    this.#times = [];
    this.#steadySince = now;
    this.#best = 0;
  }

  /** Answers per minute over the newest ten; 0 before there are that many. */
  get #perMinute(): number {
    const [first] = this.#times;
    const last = this.#times.at(-1);
    if (this.#times.length < NUM_WINDOW || first === undefined || last === undefined) return 0;
    return ((NUM_WINDOW - 1) * 60_000) / Math.max(1, last - first);
  }

  #reason(now: number, perMinute: number): string | null {
    const steadyMs = now - this.#steadySince;
    if (steadyMs >= STEADY_MS) return "You’ve been answering for 20 minutes. A short break keeps answers sharp.";
    if (steadyMs >= EARLIEST_SLOW_MS && perMinute && perMinute < SLOW_SHARE * this.#best) {
      return "You’ve slowed down. A short break may help.";
    }
    return null;
  }
}
