// One key: answer, send, next.

import { batch } from "@preact/signals";

import { call, callError, type CallError } from "../connect/call";
import { num, type Stats } from "../connect/messages";
import type { Session } from "../connect/session";
import { askToLogIn } from "../shell/shell";
import { AnswerHistory, type Answer } from "./answer_history";
import { GuidelinesBook } from "./guidelines_book";
import type { Action } from "./keys";
import { LeaseQueue } from "./lease_queue";
import { Outbox, type Entry } from "./outbox";
import { Pace } from "./pace";
import { PREFERENCES, type Pair, type Preference } from "./pair";
import { whyEmpty } from "./reasons";
import * as screen from "./screen";
import { Stage, type StageElements } from "./stage";

const STATS_EVERY_MS = 3_000;

const LET_GO_AFTER_MS = 400; // not while the next pair starts to play

/** Brings queue, stage, outbox and screen together. */
export class Labeling {
  readonly #session: Session;
  readonly #outbox: Outbox;
  readonly #stage: Stage;
  readonly #queue: LeaseQueue;
  readonly #history: AnswerHistory;
  readonly #guidelines: GuidelinesBook;
  readonly #pace = new Pace();
  #shown: Pair | null = null;
  #shownAt = 0;
  #stats: Stats | null = null;
  #numOwn = 0;
  #isLoggedOut = false;

  constructor(session: Session, outbox: Outbox, stage: Stage) {
    this.#session = session;
    this.#outbox = outbox;
    this.#stage = stage;
    this.#guidelines = new GuidelinesBook(session.labelerId, () => this.#startClock());
    this.#history = new AnswerHistory(({ pair }) => this.#discard(pair));
    this.#queue = new LeaseQueue({
      runId: session.runId,
      labelerId: session.labelerId,
      prepare: (pair) => stage.prepare(pair),
      discard: (pair) => this.#discard(pair),
    });
    this.#queue.on("change", () => this.#settle());
    this.#queue.on("lost", (lost) => this.#onLost(lost));
    addEventListener("beforeunload", (event) => {
      if (outbox.isAtRisk) event.preventDefault();
    });
    outbox.on("change", () => this.#showSaving());
    outbox.on("saved", (entry) => this.#onSaved(entry));
    outbox.on("refused", (refused) => this.#onRefused(refused));
  }

  /** Makes ready to label in the name of a session; `start` shows the first pair. */
  static async open(session: Session, elements: StageElements): Promise<Labeling> {
    const stage = new Stage(elements);
    const labeling = new Labeling(session, await Outbox.open(session.labelerId), stage);
    screen.speed.value = stage.speed;
    if (labeling.#outbox.numWaiting) labeling.#showSaving();
    return labeling;
  }

  /** Begins to lease and to show pairs. */
  async start(): Promise<void> {
    this.#settle();
    void this.#followStats();
    await this.#queue.start();
  }

  /** Does what a key or a button asks; `time` is when it was pressed. */
  act(action: Action, time: number): void {
    if (this.#isLoggedOut) return;
    this.#queue.see();
    if (isPreference(action)) this.#answer(action, time);
    else if (action === "undo") void this.#undo();
    else if (action === "keep") this.#keep(time);
    else if (action === "skip") this.#skip();
    else if (action === "replay") this.#stage.replay();
    else if (action === "slower") this.#changeSpeed(-1);
    else if (action === "faster") this.#changeSpeed(1);
    else if (action === "guidelines") void this.#guidelines.open(this.#runId, this.#shown?.guidelinesVersion ?? 0);
    else if (action === "help") screen.isHelpOpen.value = true;
  }

  /** Notes that the labeler is here. */
  see(): void {
    this.#queue.see();
  }

  get #runId(): string {
    return this.#shown?.runId ?? this.#session.runId;
  }

  #answer(preference: Preference, time: number): void {
    const undone = this.#history.current;
    // While the clips of an undone answer are loaded, another pair is still before the labeler's eyes.
    if (!this.#shown || (undone && undone.pair !== this.#shown)) return;
    screen.flash(preference);
    if (undone) this.#revise(undone, preference);
    else this.#submit(this.#shown, preference, time);
    this.#settle(time);
  }

  #submit(pair: Pair, preference: Preference, time: number): void {
    const answer: Answer = { pair, answerId: newName(), version: 1, preference };
    this.#outbox.submit({
      answerId: answer.answerId,
      leaseToken: pair.leaseToken,
      preference: PREFERENCES[preference],
      responseMs: Math.max(1, Math.round(time - this.#shownAt)),
    });
    this.#history.add(answer);
    this.#queue.finish(pair);
    this.#pace.note();
    screen.say(`Last answer: ${screen.WORDS[preference]}.`);
  }

  #revise(answer: Answer, preference: Preference): void {
    if (preference !== answer.preference) {
      answer.version += 1;
      answer.preference = preference;
      const { answerId, version } = answer;
      this.#outbox.revise({ answerId, version, preference: PREFERENCES[preference] });
      screen.say(`Changed to: ${screen.WORDS[preference]}.`);
    }
    this.#history.leave();
  }

  async #undo(): Promise<void> {
    if (!this.#history.canGoBack) return screen.say("There is no earlier answer to change.");
    this.#history.goBack();
    const answer = this.#history.current;
    if (answer && !this.#stage.has(answer.pair)) await this.#stage.prepare(answer.pair);
    this.#settle();
  }

  #keep(time: number): void {
    if (!this.#history.current) return;
    this.#history.leave();
    this.#settle(time);
  }

  #skip(): void {
    const pair = this.#shown;
    if (!pair || this.#history.current) return;
    // If this can't be sent the lease ends by itself.
    this.#queue.release(pair).catch(() => {});
    screen.say("Skipped: somebody else gets that pair.");
    this.#settle();
  }

  #changeSpeed(direction: 1 | -1): void {
    this.#stage.changeSpeed(direction);
    screen.speed.value = this.#stage.speed;
  }

  /** Makes the page show what is due: the answer being changed, else the first pair, else why there is none. */
  #settle(askedAt = 0): void {
    const answer = this.#history.current;
    const isLoading = answer !== null && !this.#stage.has(answer.pair);
    const due = isLoading ? this.#shown : answer ? answer.pair : this.#queue.first;
    if (due !== this.#shown) this.#show(due, askedAt);
    batch(() => {
      screen.revising.value = isLoading ? null : (answer?.preference ?? null);
      screen.isPairThere.value = due !== null;
      screen.can.value = { answer: due !== null, undo: this.#history.canGoBack, skip: due !== null && !answer };
      const { isFetching, error } = this.#queue;
      if (error?.code === "unauthenticated") this.#askToLogIn();
      if (!due) screen.empty.value = whyEmpty({ isFetching, error, stats: this.#stats });
    });
  }

  #show(pair: Pair | null, askedAt: number): void {
    const before = this.#shown;
    this.#shown = pair;
    if (pair) {
      this.#stage.show(pair, askedAt);
      this.#startClock();
      if (pair.question) screen.question.value = pair.question;
      this.#guidelines.expect(pair.runId, pair.guidelinesVersion);
    } else {
      this.#stage.hide();
    }
    if (before) setTimeout(() => this.#letGo(before), LET_GO_AFTER_MS);
  }

  /** Response times count from here: reading guidelines is not deciding. */
  #startClock(): void {
    this.#shownAt = performance.now();
  }

  /** Frees a pair's decoders, unless it is still to be answered or shown again by now. */
  #letGo(pair: Pair): void {
    const isDue = pair === this.#queue.first || pair === this.#history.current?.pair;
    if (pair !== this.#shown && !isDue) this.#stage.forget(pair);
  }

  #discard(pair: Pair): void {
    this.#stage.forget(pair);
    if (!pair.urls) return;
    URL.revokeObjectURL(pair.urls.left);
    URL.revokeObjectURL(pair.urls.right);
    pair.urls = null;
  }

  #onLost({ pair, reason }: { pair: Pair; reason: string }): void {
    if (pair === this.#shown) screen.say(`The pair was taken away. ${reason}`);
    this.#settle();
  }

  #onSaved(entry: Entry): void {
    if (entry.method === "SubmitPreference") this.#numOwn += 1;
    this.#showCounts();
  }

  #onRefused({ entry, error }: { entry: Entry; error: CallError }): void {
    if (entry.method === "SubmitPreference") this.#history.drop(entry.message.answerId);
    screen.say(`An answer was refused: ${error.message}`);
    this.#settle();
  }

  #showSaving(): void {
    const { numWaiting, numRefused, error } = this.#outbox;
    screen.saving.value = { numWaiting, numRefused, isUnreachable: error !== null };
    if (error?.code === "unauthenticated") this.#askToLogIn();
  }

  #askToLogIn(): void {
    this.#isLoggedOut = true;
    askToLogIn("Your token is no longer known. Log in again: your answers are kept in this browser.");
  }

  #showCounts(): void {
    // The run's count is some seconds old; it holds our own answers at least.
    const numRun = Math.max(this.#numOwn, num(this.#stats?.numAnswered));
    screen.counts.value = { numOwn: this.#numOwn, numRun, perMinute: this.#pace.perMinute };
  }

  async #followStats(): Promise<never> {
    for (;;) {
      if (this.#runId && !document.hidden) await this.#readStats(this.#runId);
      await new Promise((resolve) => setTimeout(resolve, STATS_EVERY_MS));
    }
  }

  async #readStats(runId: string): Promise<void> {
    try {
      this.#stats = await call<Stats>("GetStats", { runId });
    } catch (error) {
      // A token may end while pairs are still there. What else is wrong the queue says.
      if (callError(error).code === "unauthenticated") this.#askToLogIn();
      return;
    }
    this.#numOwn = Math.max(this.#numOwn, num(this.#stats.numOwn));
    screen.stats.value = this.#stats;
    if (!this.#shown && this.#stats.question) screen.question.value = this.#stats.question;
    if (!this.#shown) this.#guidelines.expect(runId, this.#stats.guidelinesVersion ?? 0);
    this.#showCounts();
    this.#queue.forgive();
    this.#settle();
  }
}

function isPreference(action: Action): action is Preference {
  return action in PREFERENCES;
}

/** Gives a name for an answer that nobody else will choose. crypto.randomUUID is missing on pages without TLS. */
function newName(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
