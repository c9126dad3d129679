// How many answers a labeler wants to give in this session, and how many they have given.

import { computed, signal } from "@preact/signals";

/** The goal; null while there is none. */
export const goal = signal<number | null>(null);
/** Answers in this session: since the tab was opened or the goal was set. */
export const numDone = signal(0);
export const isGoalOpen = signal(false);
export const isReached = computed(() => goal.value !== null && numDone.value >= goal.value);

const GOAL_KEY = "somersault.goal";
const DONE_KEY = "somersault.session";

export const LARGEST_GOAL = 10_000;

/** Keeps a labeler's goal in the browser, and the session's count in the tab. */
export class Goal {
  readonly #labelerId: string;

  constructor(labelerId: string) {
    this.#labelerId = labelerId;
    goal.value = Number(localStorage.getItem(this.#goalKey)) || null;
    numDone.value = Number(sessionStorage.getItem(this.#doneKey)) || 0;
    let before = goal.value;
    goal.subscribe((value) => {
      if (value === before) return;
      before = value;
      this.#keep(value);
      this.#count(0);
    });
  }

  /** Count an answer; return whether it is the one that reaches the goal. */
  note(): boolean {
    const wasReached = isReached.value;
    this.#count(numDone.value + 1);
    return isReached.value && !wasReached;
  }

  #keep(value: number | null): void {
    if (value === null) localStorage.removeItem(this.#goalKey);
    else localStorage.setItem(this.#goalKey, String(value));
  }

  #count(value: number): void {
    numDone.value = value;
    sessionStorage.setItem(this.#doneKey, String(value));
  }

  get #goalKey(): string {
    return `${GOAL_KEY}.${this.#labelerId}`;
  }

  get #doneKey(): string {
    return `${DONE_KEY}.${this.#labelerId}`;
  }
}
