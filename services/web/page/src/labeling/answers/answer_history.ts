// The newest answers, which can be changed.

import type { Pair, Preference } from "../pairs/pair";

const NUM_KEPT = 10; // the server doesn't change older ones

export interface Answer {
  pair: Pair;
  answerId: string;
  version: number;
  preference: Preference;
}

/** The newest answers, and which of them is being changed. */
export class AnswerHistory {
  #answers: Answer[] = [];
  #place: number | null = null;
  readonly #onForget: (answer: Answer) => void;

  /** `onForget` is called for each answer that is too old to be changed. */
  constructor(onForget: (answer: Answer) => void) {
    this.#onForget = onForget;
  }

  /** The answer that is being changed, or null. */
  get current(): Answer | null {
    return this.#place === null ? null : (this.#answers[this.#place] ?? null);
  }

  get canGoBack(): boolean {
    return this.#answers.length > 0 && this.#place !== 0;
  }

  add(answer: Answer): void {
    this.#answers.push(answer);
    if (this.#answers.length <= NUM_KEPT) return;
    const [oldest] = this.#answers.splice(0, 1);
    if (oldest) this.#onForget(oldest);
  }

  /** Go one answer back. */
  goBack(): void {
    this.#place = (this.#place ?? this.#answers.length) - 1;
  }

  /** Stop changing an answer. */
  leave(): void {
    this.#place = null;
  }

  /** Return the answer with an id, or null if it is too old. */
  find(answerId: string): Answer | null {
    return this.#answers.find((answer) => answer.answerId === answerId) ?? null;
  }

  /** Forget an answer that the server rejected. */
  drop(answerId: string): void {
    const place = this.#answers.findIndex((answer) => answer.answerId === answerId);
    if (place < 0) return;
    this.leave();
    const [dropped] = this.#answers.splice(place, 1);
    if (dropped) this.#onForget(dropped);
  }
}
