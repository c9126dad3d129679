// How long to wait before trying again.

const FIRST_MS = 250;

// Retries come quickly at first, then ever more rarely, to spare the server.
const CAPS: readonly { untilMs: number; capMs: number }[] = [
  { untilMs: 60_000, capMs: 4_000 },
  { untilMs: 600_000, capMs: 15_000 },
  { untilMs: Infinity, capMs: 60_000 },
];

const TRY_NOW = "somersault:try-now";

/** Waits that double up to a growing cap, with jitter so that many pages don't come back at once. */
export class Backoff {
  #failures = 0;
  #since = 0;

  reset(): void {
    this.#failures = 0;
  }

  /** Wait; the wait ends early when the network returns, the page is looked at again, or `tryNow` is called. */
  wait(): Promise<void> {
    if (this.#failures === 0) this.#since = Date.now();
    const longest = Math.min(capAfter(Date.now() - this.#since), FIRST_MS * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, 10);
    return pause(longest * (0.5 + Math.random() / 2));
  }
}

/** Return the longest wait in ms after failing for `failingMs`. */
export function capAfter(failingMs: number): number {
  return CAPS.find(({ untilMs }) => failingMs < untilMs)?.capMs ?? 60_000;
}

/** End every wait of this page. */
export function tryNow(): void {
  dispatchEvent(new Event(TRY_NOW));
}

/** Wait, at most until the network is back, the page is looked at again, or `tryNow` is called. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener("online", done);
      removeEventListener(TRY_NOW, done);
      document.removeEventListener("visibilitychange", onVisibility);
      resolve();
    };
    const onVisibility = () => {
      if (!document.hidden) done();
    };
    const timer = setTimeout(done, milliseconds);
    addEventListener("online", done);
    addEventListener(TRY_NOW, done);
    document.addEventListener("visibilitychange", onVisibility);
  });
}
