// Pairs with an obvious answer, to learn the keys and the question. Answers to them aren't sent.

import { signal } from "@preact/signals";

import { call, asCallError } from "../../connect/call";
import type { PracticePair } from "../../connect/messages";
import { videoOf } from "../../connect/policy_clips";
import { pairOf, preferenceOf, type Pair, type Preference } from "../pairs/pair";

export interface PracticeView {
  /** Which pair it is, from 1. */
  number: number;
  numPairs: number;
  /** How the answer compares; null before there is one. */
  verdict: { isRight: boolean; obvious: Preference; explanation: string } | null;
}

/** What the page shows of a practice; null while there is none. */
export const practice = signal<PracticeView | null>(null);

const DONE_KEY = "somersault.practice";
/** A key pressed this soon after the answer wasn't meant for the explanation. */
const GUARD_MS = 300;

interface PracticeOptions {
  labelerId: string;
  runId: string;
  prepare: (pair: Pair) => Promise<void>;
  discard: (pair: Pair) => void;
  onChange: () => void;
  /** Called with the last answer, and when the labeler skips the rest: real pairs are due. */
  onOver: () => void;
}

interface Exercise extends PracticePair {
  pair: Pair;
}

/** Takes a labeler through the practice pairs of a run. */
export class Practice {
  readonly #options: PracticeOptions;
  #exercises: Exercise[] = [];
  #place = 0;
  #answeredAt = 0;

  constructor(options: PracticeOptions) {
    this.#options = options;
  }

  /** The pair to show now, or null. */
  get current(): Pair | null {
    const pair = this.#exercises[this.#place]?.pair;
    return pair?.isPrepared ? pair : null;
  }

  get isOn(): boolean {
    return this.#exercises.length > 0;
  }

  /** Begin, unless this labeler has practised in this run before; return whether practice is on. */
  async beginOnce(): Promise<boolean> {
    return localStorage.getItem(this.#key) === null && this.begin();
  }

  /** Begin from the first pair; return whether the task has any. */
  async begin(): Promise<boolean> {
    const { runId } = this.#options;
    if (!runId || this.isOn) return this.isOn;
    try {
      const { pairs = [] } = await call("GetPracticePairs", { runId }, { timeoutMs: 5_000 });
      this.#exercises = pairs.map((each, index) => ({ ...each, pair: practicePair(each, { runId, index }) }));
    } catch (error) {
      // Labeling works without practice.
      asCallError(error);
      return false;
    }
    this.#place = 0;
    this.#show();
    for (const { pair } of this.#exercises) void this.#prepare(pair);
    return this.isOn;
  }

  /** Explain the pair that was answered at `time`; once it is explained, an answer continues. */
  answer(preference: Preference, time: number): void {
    const exercise = this.#exercises[this.#place];
    const view = practice.value;
    if (!exercise || !view) return;
    if (view.verdict) {
      if (time - this.#answeredAt >= GUARD_MS) this.goOn();
      return;
    }
    this.#answeredAt = time;
    const obvious = preferenceOf(exercise.preference);
    const explanation = exercise.explanation ?? "";
    practice.value = { ...view, verdict: { isRight: preference === obvious, obvious, explanation } };
    if (view.number === view.numPairs) this.#note();
  }

  /** Once a pair is explained, show the next one or end; return whether that was due. */
  goOn(): boolean {
    if (!practice.value?.verdict) return false;
    this.#place += 1;
    if (this.#place < this.#exercises.length) this.#show();
    else this.end();
    return true;
  }

  /** Leave the practice. */
  end(): void {
    if (!this.isOn) return;
    this.#note();
    const exercises = this.#exercises;
    this.#exercises = [];
    practice.value = null;
    this.#options.onChange();
    for (const { pair } of exercises) this.#options.discard(pair);
  }

  #show(): void {
    const numPairs = this.#exercises.length;
    practice.value = numPairs ? { number: this.#place + 1, numPairs, verdict: null } : null;
    this.#options.onChange();
  }

  async #prepare(pair: Pair): Promise<void> {
    try {
      await this.#options.prepare(pair);
    } catch {
      // There is no practice with a clip that this browser can't play.
      return this.end();
    }
    pair.isPrepared = true;
    this.#options.onChange();
  }

  #note(): void {
    localStorage.setItem(this.#key, "done");
    this.#options.onOver();
  }

  get #key(): string {
    return `${DONE_KEY}.${this.#options.labelerId}.${this.#options.runId}`;
  }
}

function practicePair(each: PracticePair, { runId, index }: { runId: string; index: number }): Pair {
  const urls = {
    left: URL.createObjectURL(videoOf(each.leftClip ?? "")),
    right: URL.createObjectURL(videoOf(each.rightClip ?? "")),
  };
  return { ...pairOf({ leaseToken: "", query: { queryId: `practice-${index}`, runId } }), urls };
}
