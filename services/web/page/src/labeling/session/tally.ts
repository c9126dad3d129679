// The labeler's own figures: answers, pace, goal, and when to take a break.

import { num, type Stats } from "../../connect/messages";
import * as screen from "../screen";
import { goal, Goal } from "./goal";
import { Pace } from "./pace";
import { BreakReminder } from "./break_reminder";

/** Counts one labeler's answers in one run. */
export class Tally {
  readonly #pace = new Pace();
  readonly #breaks = new BreakReminder();
  readonly #goal: Goal;
  #numOwn = 0;
  #numRun = 0;

  constructor(labelerId: string) {
    this.#goal = new Goal(labelerId);
  }

  /** Note an answer that was given. */
  noteAnswer(): void {
    this.#pace.note();
    const reason = this.#breaks.note();
    if (reason) screen.hint.value = reason;
    this.#show();
    if (this.#goal.note()) screen.hint.value = `You reached your goal: ${goal.value} answers. Thank you!`;
  }

  /** Take the server's counts, both from one reply, so that they are consistent. */
  read(stats: Stats): void {
    this.#numOwn = num(stats.numOwn);
    this.#numRun = num(stats.numAnswered);
    this.#show();
  }

  #show(): void {
    // Only the server's counts, which are read soon after each answer: not every answer becomes one of the run's labels.
    const { perMinute, perMinuteTrusted } = this.#pace;
    screen.counts.value = { numOwn: this.#numOwn, numRun: this.#numRun, perMinute, perMinuteTrusted };
  }
}
