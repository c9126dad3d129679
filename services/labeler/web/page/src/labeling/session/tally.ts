// The labeler's own figures: answers, pace, goal, and when to rest.

import { num, type Stats } from "../../connect/messages";
import * as screen from "../screen";
import { goal, Goal } from "./goal";
import { Pace } from "./pace";
import { Rest } from "./rest";

/** Counts what one labeler does in one run. */
export class Tally {
  readonly #pace = new Pace();
  readonly #rest = new Rest();
  readonly #goal: Goal;
  #numOwn = 0;
  #numRun = 0;

  constructor(labelerId: string) {
    this.#goal = new Goal(labelerId);
  }

  /** Note an answer that was given. */
  noteAnswer(): void {
    this.#pace.note();
    const reason = this.#rest.note();
    if (reason) screen.hint.value = reason;
    if (this.#goal.note()) screen.hint.value = `You reached your goal: ${goal.value} answers. Thank you!`;
  }

  /** Note an answer that the server has. */
  noteSaved(): void {
    this.#numOwn += 1;
    this.#show();
  }

  /** Take the server's counts. */
  read(stats: Stats): void {
    this.#numOwn = Math.max(this.#numOwn, num(stats.numOwn));
    this.#numRun = num(stats.numAnswered);
    this.#show();
  }

  #show(): void {
    // The server's word alone, though it is some seconds old: not every answer of ours is one of the run's labels.
    screen.counts.value = { numOwn: this.#numOwn, numRun: this.#numRun, perMinute: this.#pace.perMinute };
  }
}
