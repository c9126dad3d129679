// Turns answers and their changes into entries of the outbox.

import { num, type OwnAnswer } from "../../connect/messages";
import type { Answer, AnswerHistory } from "./answer_history";
import { showChanged } from "./own_answers";
import type { Outbox } from "./outbox";
import { PREFERENCES, type Pair, type Preference } from "../pairs/pair";
import * as screen from "../screen";

/** Gives each answer an id, so that a repeat counts once. */
export class AnswerRecorder {
  readonly #outbox: Outbox;
  readonly #history: AnswerHistory;

  constructor(outbox: Outbox, history: AnswerHistory) {
    this.#outbox = outbox;
    this.#history = history;
  }

  /** Record the first answer to a pair. */
  submit(pair: Pair, preference: Preference, responseMs: number): void {
    const answer: Answer = { pair, answerId: newAnswerId(), version: 1, preference };
    const { answerId } = answer;
    this.#outbox.submit({ answerId, leaseToken: pair.leaseToken, preference: PREFERENCES[preference], responseMs });
    this.#history.add(answer);
    screen.say(`Last answer: ${screen.WORDS[preference]}.`);
  }

  /** Replace an answer that was undone; the same answer again changes nothing. */
  revise(answer: Answer, preference: Preference): void {
    this.#history.leave();
    if (preference === answer.preference) return;
    answer.version += 1;
    answer.preference = preference;
    this.#send(answer.answerId, answer.version, preference);
  }

  /** Replace an answer that the server listed. */
  change(own: OwnAnswer, preference: Preference): void {
    const answer = this.#history.find(own.answerId);
    const version = Math.max(num(own.version), answer?.version ?? 0) + 1;
    if (answer) Object.assign(answer, { version, preference });
    this.#send(own.answerId, version, preference);
    showChanged({ ...own, version, preference: PREFERENCES[preference] });
  }

  #send(answerId: string, version: number, preference: Preference): void {
    this.#outbox.revise({ answerId, version, preference: PREFERENCES[preference] });
    screen.say(`Changed to: ${screen.WORDS[preference]}.`);
  }
}

/** Return a unique id for an answer. crypto.randomUUID is missing on pages without TLS. */
function newAnswerId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
