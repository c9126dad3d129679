// Asks the run how it is, again and again, until it is over.

import { Backoff, pause, tryNow } from "../../connect/backoff";
import { call, asCallError, type CallError } from "../../connect/call";
import type { RunState, Stats } from "../../connect/messages";
import { Emitter } from "../emitter";

const EVERY_MS = 3_000;
/** While nobody looks: often enough to hear of the end before the server leaves. */
const UNSEEN_EVERY_MS = 6_000;
/** A stopped run says nothing new until somebody resumes it. */
const STOPPED_EVERY_MS = 15_000;
/** So long after an answer of ours was saved. */
const SOON_MS = 700;

interface Events {
  stats: Stats;
  error: CallError;
}

interface FollowerOptions {
  /** The run's id; empty while it isn't known. */
  runId: () => string;
  /** Whether somebody looks. */
  isSeen: () => boolean;
}

/** Knows how the run is. */
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

  /** Where the run was in its life when it was last heard of. */
  get state(): RunState | null {
    return this.#state;
  }

  get isFinished(): boolean {
    return this.#state === "RUN_STATE_FINISHED";
  }

  /** For how long the run has not been heard of, ms. */
  get lostMs(): number {
    return this.#lostAt === null ? 0 : Date.now() - this.#lostAt;
  }

  /** Follow the run until it is finished and what came of it is known. */
  async follow(): Promise<void> {
    const backoff = new Backoff();
    while (!(this.isFinished && this.#stats?.runState === this.#state)) {
      const runId = this.#options.runId();
      if (runId && !(await this.#read(runId))) await backoff.wait();
      else backoff.reset();
      await pause(this.#everyMs);
    }
  }

  /** Take what a lease said of the run; what is new is asked for at once. */
  hear(state: RunState): void {
    this.#lostAt = null;
    if (state === this.#state || this.isFinished) return;
    this.#state = state;
    tryNow();
  }

  /** Ask soon, because something of ours changed the counts; what changes until then is read along with it. */
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
    // A reply that was overtaken knows less than the one that is shown.
    if (number < this.#newestHeard) return true;
    this.#newestHeard = number;
    this.#stats = stats;
    this.#state = stats.runState ?? null;
    this.emit("stats", stats);
    return true;
  }
}
