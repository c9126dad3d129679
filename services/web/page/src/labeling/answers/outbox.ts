// Sends answers in order until each is acknowledged. Every answer has an id, so a repeat counts once.

import { Backoff } from "../../connect/backoff";
import { call, asCallError, CallError } from "../../connect/call";
import { isSessionOf } from "../../connect/identity";
import type { PreferenceName } from "../../connect/messages";
import { Emitter } from "../emitter";
import { OutboxStore, type KeptEntry } from "./outbox_store";

export interface Entry extends KeptEntry {
  /** Resolves once storing it was attempted. */
  kept?: Promise<void>;
  /** Whether it would outlive the tab. */
  isKept?: boolean;
}

interface Events {
  /** The counts may have changed. */
  change: null;
  saved: Entry;
  refused: { entry: Entry; error: CallError };
}

/** Holds answers until the server has them. */
export class Outbox extends Emitter<Events> {
  readonly #store: OutboxStore;
  readonly #labelerId: string;
  #entries: Entry[] = [];
  #backoff = new Backoff();
  #wake = () => {};
  #error: CallError | null = null;
  #numRefused = 0;

  constructor(store: OutboxStore, labelerId: string) {
    super();
    this.#store = store;
    this.#labelerId = labelerId;
  }

  /** Open a labeler's outbox with what an earlier page left in it, and start sending. */
  static async open(labelerId: string): Promise<Outbox> {
    const outbox = new Outbox(await OutboxStore.open(), labelerId);
    const kept = await outbox.#store.all();
    const own = kept.filter((entry) => entry.labelerId === labelerId);
    outbox.#entries.push(...own.map((entry) => ({ ...entry, isKept: true })));
    void outbox.#sendForever();
    return outbox;
  }

  /** How many answers the server has not acknowledged. */
  get numWaiting(): number {
    return this.#entries.length;
  }

  /** How many answers the server has rejected for good. */
  get numRefused(): number {
    return this.#numRefused;
  }

  /** Why the last attempt failed; null if it didn't. */
  get error(): CallError | null {
    return this.#error;
  }

  /** Whether closing the tab could lose an answer. */
  get isAtRisk(): boolean {
    return this.#entries.some((entry) => !entry.isKept);
  }

  /** Add a new answer. */
  submit(answer: { answerId: string; leaseToken: string; preference: PreferenceName; responseMs: number }): void {
    this.#add("SubmitPreference", { ...answer, responseMs: String(answer.responseMs) }, 1);
  }

  /** Add a changed answer. */
  revise(answer: { answerId: string; version: number; preference: PreferenceName }): void {
    this.#add("RevisePreference", answer, answer.version);
  }

  #add(method: KeptEntry["method"], message: KeptEntry["message"], version: number): void {
    const key = `${message.answerId}:${version}`;
    const entry: Entry = { key, method, message, version, madeAt: Date.now(), labelerId: this.#labelerId };
    entry.kept = this.#keep(entry);
    this.#entries.push(entry);
    this.emit("change", null);
    this.#wake();
  }

  async #keep(entry: Entry): Promise<void> {
    try {
      await this.#store.put({ ...entry });
      entry.isKept = this.#store.isDurable;
    } catch {
      // A full disk must not hold an answer back: it is sent from memory instead.
    }
  }

  async #sendForever(): Promise<never> {
    for (;;) {
      if (this.#entries.length === 0) {
        await new Promise<void>((resolve) => (this.#wake = resolve));
      } else if (await this.#sendAll()) {
        this.#backoff.reset();
      } else {
        await this.#backoff.wait();
      }
    }
  }

  /** Send what waits, oldest first; return whether all was sent. An answer that fails holds back only its own changes. */
  async #sendAll(): Promise<boolean> {
    const failed = new Set<string>();
    for (const entry of [...this.#entries]) {
      if (failed.has(entry.message.answerId)) continue;
      try {
        await entry.kept;
        if (!isSessionOf(this.#labelerId)) throw new CallError("canceled", "another login is in progress");
        await call(entry.method, entry.message);
        await this.#remove(entry);
        this.#error = null;
        this.emit("saved", entry);
      } catch (thrown) {
        const error = asCallError(thrown);
        if (error.isTransient) {
          this.#error = error;
          failed.add(entry.message.answerId);
        } else {
          this.#numRefused += 1;
          await this.#remove(entry);
          this.emit("refused", { entry, error });
        }
        if (error.isUnreachable || error.code === "unauthenticated") break;
      } finally {
        this.emit("change", null);
      }
    }
    return failed.size === 0;
  }

  async #remove(entry: Entry): Promise<void> {
    this.#entries.splice(this.#entries.indexOf(entry), 1);
    // If this fails, the next page sends it again, and the server repeats its first reply.
    await this.#store.delete(entry.key).catch(() => {});
  }
}
