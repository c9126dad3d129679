// Which version of the guidelines this labeler has read. Answers are stored with the version of their query.

import { signal } from "@preact/signals";

import { Backoff } from "../../connect/backoff";
import { call, asCallError } from "../../connect/call";
import type { Guidelines } from "../../connect/messages";

/** The guidelines; null while there are none. */
export const guidelines = signal<Guidelines | null>(null);
/** Whether they are open. */
export const isOpen = signal(false);

const SEEN_KEY = "somersault.guidelines";

/** Opens each version of the guidelines once, before the first pair that it applies to is answered. */
export class GuidelinesBook {
  readonly #labelerId: string;
  #onClose: () => void;
  #runId = "";
  #version = 0;

  /** `onClose` is called when the guidelines are closed. */
  constructor(labelerId: string, onClose: () => void) {
    this.#labelerId = labelerId;
    this.#onClose = onClose;
    isOpen.subscribe((value) => {
      if (value || !guidelines.value) return;
      this.#note();
      this.#onClose();
    });
  }

  /** Note which version applies to the pair on screen. */
  expect(runId: string, version: number): void {
    if (!version || (runId === this.#runId && version === this.#version)) return;
    this.#runId = runId;
    this.#version = version;
    void this.#fetch(runId, version);
  }

  /** Open them on the labeler's request. */
  open(): void {
    if (guidelines.value) isOpen.value = true;
  }

  /** Close them and open no more: the run is over. */
  end(): void {
    this.#version = 0;
    isOpen.value = false;
  }

  async #fetch(runId: string, version: number): Promise<void> {
    const backoff = new Backoff();
    while (this.#runId === runId && this.#version === version) {
      try {
        const fetched = await call("GetGuidelines", { runId, version });
        if (this.#version !== version) return;
        guidelines.value = fetched;
        if (this.#numRead(runId) < version) isOpen.value = true;
        return;
      } catch (error) {
        if (!asCallError(error).isTransient) return;
        await backoff.wait();
      }
    }
  }

  #numRead(runId: string): number {
    return Number(localStorage.getItem(this.#key(runId)) ?? 0);
  }

  #note(): void {
    const version = Math.max(this.#version, this.#numRead(this.#runId));
    localStorage.setItem(this.#key(this.#runId), String(version));
  }

  #key(runId: string): string {
    return `${SEEN_KEY}.${this.#labelerId}.${runId}`;
  }
}
