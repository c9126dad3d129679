// Sends answers, in order, until each is acknowledged. Every answer is named here, so a repeat counts once.

import { call } from "./api.js";
import { Backoff } from "./backoff.js";
import { OutboxStore } from "./outbox_store.js";

/**
 * Holds answers until the server has them.
 *
 * Events: "change" whenever the numbers change, "saved" with an entry, "refused" with {entry, error}.
 */
export class Outbox extends EventTarget {
  #store;
  #labelerId;
  #entries = [];
  #backoff = new Backoff();
  #wake = () => {};
  #error = null;
  #numRefused = 0;

  constructor(store, labelerId) {
    super();
    this.#store = store;
    this.#labelerId = labelerId;
  }

  /** Opens a labeler's outbox with what an earlier page left in it, and begins to send. */
  static async open(labelerId) {
    const outbox = new Outbox(await OutboxStore.open(), labelerId);
    const kept = await outbox.#store.all();
    const own = kept.filter((entry) => entry.labelerId === labelerId);
    outbox.#entries.push(...own.map((entry) => ({ ...entry, isKept: true })));
    outbox.#sendForever();
    return outbox;
  }

  /** How many answers the server has not acknowledged. */
  get numWaiting() {
    return this.#entries.length;
  }

  /** How many the server will never take. */
  get numRefused() {
    return this.#numRefused;
  }

  /** Why the last try failed; null if it did not. */
  get error() {
    return this.#error;
  }

  /** True while closing the tab could lose an answer. */
  get isAtRisk() {
    return this.#entries.some((entry) => !entry.isKept);
  }

  /** Puts a new answer in: {answerId, leaseToken, preference, responseMs}. */
  submit({ answerId, leaseToken, preference, responseMs }) {
    this.#add("SubmitPreference", { leaseToken, answerId, preference, responseMs: String(responseMs) }, 1);
  }

  /** Puts a changed answer in. */
  revise({ answerId, version, preference }) {
    this.#add("RevisePreference", { answerId, version, preference }, version);
  }

  #add(method, message, version) {
    const key = `${message.answerId}:${version}`;
    const entry = { key, method, message, version, madeAt: Date.now(), labelerId: this.#labelerId };
    entry.kept = this.#keep(entry);
    this.#entries.push(entry);
    this.#changed();
    this.#wake();
  }

  async #keep(entry) {
    try {
      await this.#store.put({ ...entry });
      entry.isKept = this.#store.isDurable;
    } catch {
      // A full disk must not hold an answer back: it is sent from memory all the same.
    }
  }

  async #sendForever() {
    for (;;) {
      if (this.#entries.length === 0) {
        await new Promise((resolve) => (this.#wake = resolve));
      } else if (await this.#sendAll()) {
        this.#backoff.reset();
      } else {
        await this.#backoff.wait();
      }
    }
  }

  /** Sends what waits, oldest first; gives whether all of it went. An answer that fails holds back only its own changes. */
  async #sendAll() {
    const failed = new Set();
    for (const entry of [...this.#entries]) {
      if (failed.has(entry.message.answerId)) continue;
      try {
        await entry.kept;
        await call(entry.method, entry.message);
        await this.#remove(entry);
        this.#error = null;
        this.#emit("saved", entry);
      } catch (error) {
        if (error.isTransient) {
          this.#error = error;
          failed.add(entry.message.answerId);
        } else {
          this.#numRefused += 1;
          await this.#remove(entry);
          this.#emit("refused", { entry, error });
        }
        if (error.isUnreachable || error.code === "unauthenticated") break;
      } finally {
        this.#changed();
      }
    }
    return failed.size === 0;
  }

  async #remove(entry) {
    this.#entries.splice(this.#entries.indexOf(entry), 1);
    // If this fails, the next page sends it again, and the server gives the first reply again.
    await this.#store.delete(entry.key).catch(() => {});
  }

  #changed() {
    this.#emit("change", null);
  }

  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
