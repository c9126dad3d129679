// Reads the run's counts and state again and again until it is finished.

import { Backoff, pause, tryNow } from "../../connect/backoff";
import { call, asCallError, type CallError } from "../../connect/call";
import type { RunState, Stats } from "../../connect/messages";
import { Emitter } from "../emitter";

const EVERY_MS = 3_000;
/** While the tab is hidden: often enough to learn of the end before the server goes away. */
const UNSEEN_EVERY_MS = 6_000;
/** A stopped run has no news until it is resumed. */
const STOPPED_EVERY_MS = 15_000;
/** How soon after an answer was saved. */
const SOON_MS = 700;

interface Events {
  stats: Stats;
  error: CallError;
}

interface FollowerOptions {
  /** The run's id; empty while it isn't known. */
  runId: () => string;
  /** Whether the page is being looked at. */
  isSeen: () => boolean;
}

/** Follows a run's counts and state. */
export class RunFollower extends Emitter<Events> {
  readonly #options: FollowerOptions;
  #stats: Stats | null = null;
  #state: RunState | null = null;
  #lostAt: number | null = null;
  #soon = 0;
  #numAsked = 0;
  #newestHeard = 0;

  constructor(options: FollowerOptions) {
    super();
    this.#options = options;
  }

  /** The newest counts; null before the first. */
  get stats(): Stats | null {
    return this.#stats;
  }

  /** The run's last known state; null before the first. */
  get state(): RunState | null {
    return this.#state;
  }

  get isFinished(): boolean {
    return this.#state === "RUN_STATE_FINISHED";
  }

  /** For how long the run hasn't responded, in ms. */
  get lostMs(): number {
    return this.#lostAt === null ? 0 : Date.now() - this.#lostAt;
  }

  /** Follow the run until it is finished and its result is known. */
  async follow(): Promise<void> {
    const backoff = new Backoff();
    while (!(this.isFinished && this.#stats?.runState === this.#state)) {
      const runId = this.#options.runId();
      if (runId && !(await this.#read(runId))) await backoff.wait();
      else backoff.reset();
      await pause(this.#everyMs);
    }
  }

  /** Note a state that a lease reply told; if it is new, read the rest at once. */
  noteState(state: RunState): void {
    this.#lostAt = null;
    if (state === this.#state || this.isFinished) return;
    this.#state = state;
    tryNow();
  }

  /** Read soon, because an answer changed the counts; changes until then are read along with it. */
  readSoon(): void {
    if (this.#soon) return;
    this.#soon = setTimeout(() => {
      this.#soon = 0;
      const runId = this.#options.runId();
      if (runId) void this.#read(runId);
    }, SOON_MS);
  }

  get #everyMs(): number {
    if (this.isFinished && this.#stats?.runState === this.#state) return 0;
    if (this.#state === "RUN_STATE_STOPPED") return STOPPED_EVERY_MS;
    return this.#options.isSeen() ? EVERY_MS : UNSEEN_EVERY_MS;
  }

  async #read(runId: string): Promise<boolean> {
    const number = (this.#numAsked += 1);
    let stats: Stats;
    try {
      stats = await call("GetStats", { runId });
    } catch (thrown) {
      const error = asCallError(thrown);
      if (error.isUnreachable) this.#lostAt ??= Date.now();
      this.emit("error", error);
      return false;
    }
    this.#lostAt = null;
    // A reply that was overtaken is older than the one on screen.
    if (number < this.#newestHeard) return true;
    this.#newestHeard = number;
    this.#stats = stats;
    this.#state = stats.runState ?? null;
    this.emit("stats", stats);
    return true;
  }
}
