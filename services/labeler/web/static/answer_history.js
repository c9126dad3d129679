// The newest answers, which can be changed.

const NUM_KEPT = 10; // the server changes no older ones

/** Remembers answers as {pair, answerId, version, preference} and which of them is being changed. */
export class AnswerHistory {
  #answers = [];
  #place = null;
  #onForget;

  /** Takes what to do with an answer that is too old to be changed. */
  constructor(onForget) {
    this.#onForget = onForget;
  }

  /** The answer that is being changed, or null. */
  get current() {
    return this.#place === null ? null : this.#answers[this.#place];
  }

  get canGoBack() {
    return this.#answers.length > 0 && this.#place !== 0;
  }

  add(answer) {
    this.#answers.push(answer);
    if (this.#answers.length > NUM_KEPT) this.#onForget(this.#answers.shift());
  }

  /** Goes one answer back. */
  goBack() {
    this.#place = (this.#place ?? this.#answers.length) - 1;
  }

  /** Ends changing. */
  leave() {
    this.#place = null;
  }

  /** Forgets an answer that the server never took. */
  drop(answerId) {
    const place = this.#answers.findIndex((answer) => answer.answerId === answerId);
    if (place < 0) return;
    this.leave();
    this.#onForget(this.#answers.splice(place, 1)[0]);
  }
}
