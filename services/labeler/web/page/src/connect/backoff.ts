// How long to wait before trying again.

const FIRST_MS = 250;
const CAP_MS = 4_000;

/** Doubles the wait up to a cap, with jitter so that many pages don't come back at once. */
export class Backoff {
  #failures = 0;

  reset(): void {
    this.#failures = 0;
  }

  /** Waits; the browser's "online" event ends the wait early. */
  wait(): Promise<void> {
    const longest = Math.min(CAP_MS, FIRST_MS * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, 10);
    return pause(longest * (0.5 + Math.random() / 2));
  }
}

/** Waits, at most until the network is back. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener("online", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    addEventListener("online", done);
  });
}
