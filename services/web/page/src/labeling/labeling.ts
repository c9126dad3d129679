// The flow of labeling: show a pair, take the answer, send it, show the next.

import { batch } from "@preact/signals";

import type { CallError } from "../connect/call";
import type { OwnAnswer, Stats } from "../connect/messages";
import type { Session } from "../connect/session";
import { askToLogIn } from "../shell/shell";
import { AnswerRecorder } from "./answers/answer_recorder";
import { AnswerHistory } from "./answers/answer_history";
import { end, ending } from "./run/ending";
import { LeaseQueue } from "./pairs/lease_queue";
import { Outbox, type Entry } from "./answers/outbox";
import type { Pair, Preference } from "./pairs/pair";
import { Practice } from "./practice/practice";
import { whyEmpty } from "./run/empty_reason";
import { Reveal } from "./reveal/reveal";
import { RunFollower } from "./run/run_follower";
import * as screen from "./screen";
import { GuidelinesBook } from "./session/guidelines_book";
import { Presence } from "./session/presence";
import { Tally } from "./session/tally";
import { ShownPair } from "./pairs/shown_pair";
import type { Stage } from "./pairs/stage";

/** Connects queue, stage, outbox and screen. */
export class Labeling {
  readonly guidelines: GuidelinesBook;
  readonly practice: Practice;
  readonly reveal = new Reveal();
  readonly #session: Session;
  readonly #outbox: Outbox;
  readonly #stage: Stage;
  readonly #queue: LeaseQueue;
  readonly #follower: RunFollower;
  readonly #history: AnswerHistory;
  readonly #presence = new Presence(() => this.#queue.isHolding);
  readonly #tally: Tally;
  readonly #recorder: AnswerRecorder;
  readonly #shown: ShownPair;

  constructor(session: Session, outbox: Outbox, stage: Stage) {
    this.#session = session;
    this.#outbox = outbox;
    this.#stage = stage;
    const { labelerId, runId } = session;
    const prepare = (pair: Pair) => stage.prepare(pair);
    const isDue = (pair: Pair) => [this.#queue.first, this.#history.current?.pair, this.practice.current].includes(pair);
    this.#shown = new ShownPair(stage, isDue);
    const discard = (pair: Pair) => this.#shown.discard(pair);
    screen.runId.value = runId;
    this.#tally = new Tally(labelerId);
    this.guidelines = new GuidelinesBook(labelerId, () => this.#shown.startClock());
    this.#history = new AnswerHistory(({ pair }) => discard(pair));
    this.#recorder = new AnswerRecorder(outbox, this.#history);
    this.#queue = new LeaseQueue({ runId, labelerId, prepare, discard });
    this.practice = new Practice({
      labelerId,
      runId,
      prepare,
      discard,
      onChange: () => this.#settle(),
      onOver: () => this.#queue.resume("practice"),
    });
    this.#follower = new RunFollower({ runId: () => this.runId, isSeen: () => !document.hidden && !this.#presence.isAway });
    this.#listen();
  }

  /** Whether keys and buttons have an effect. */
  isOpen = true;

  get runId(): string {
    return this.#shown.pair?.runId || this.#session.runId || screen.runId.value;
  }

  /** Start leasing and showing pairs, after the practice if there is one. */
  async start(): Promise<void> {
    if (this.#outbox.numWaiting) this.#showSaving();
    this.#settle();
    void this.#follower.follow();
    if (await this.practice.beginOnce()) this.#queue.suspend("practice");
    await this.#queue.start();
  }

  /** Return the pairs and show practice pairs. */
  async practise(): Promise<void> {
    if (ending.value) return;
    this.#history.leave();
    if (await this.practice.begin()) this.#queue.suspend("practice");
    else screen.say("There are no pairs to practise on.");
  }

  /** Answer the pair on screen; `time` is when the key was pressed. */
  answer(preference: Preference, time: number): void {
    const undone = this.#history.current;
    // While the clips of an undone answer are loading, another pair is still on screen.
    const { pair } = this.#shown;
    if (!pair || (undone && undone.pair !== pair)) return;
    screen.flash(preference);
    if (undone) this.#recorder.revise(undone, preference);
    else if (this.practice.isOn) return this.practice.answer(preference, time);
    else this.#submit(pair, preference, time);
    this.#settle(time);
  }

  async undo(): Promise<void> {
    if (this.practice.isOn || ending.value) return;
    if (!this.#history.canGoBack) return screen.say("There is no earlier answer to change.");
    this.#history.goBack();
    const answer = this.#history.current;
    if (answer && !this.#stage.has(answer.pair)) await this.#stage.prepare(answer.pair);
    this.#settle();
  }

  /** Keep an undone answer as it was. */
  keep(time: number): void {
    if (!this.#history.current) return;
    this.#history.leave();
    this.#settle(time);
  }

  skip(): void {
    if (this.practice.isOn) return this.practice.end();
    const { pair } = this.#shown;
    if (!pair || this.#history.current) return;
    // If this can't be sent, the lease expires on its own.
    this.#queue.release(pair).catch(() => {});
    screen.say("Skipped. You won’t see that pair again.");
    this.#settle();
  }

  /** Change one of the answers so far. */
  change(own: OwnAnswer, preference: Preference): void {
    this.#recorder.change(own, preference);
    this.#settle();
  }

  #listen(): void {
    this.#queue.on("change", () => this.#settle());
    this.#queue.on("state", (state) => this.#follower.noteState(state));
    this.#queue.on("lost", ({ pair, reason }) => {
      if (pair === this.#shown.pair) screen.say(reason);
      this.#settle();
    });
    this.#follower.on("stats", (stats) => this.#onStats(stats));
    this.#follower.on("error", (error) => this.#onUnknown(error));
    this.#presence.on("away", () => this.#queue.suspend("away"));
    this.#presence.on("back", () => this.#queue.resume("away"));
    addEventListener("beforeunload", (event) => {
      if (this.#outbox.isAtRisk) event.preventDefault();
    });
    this.#outbox.on("change", () => this.#showSaving());
    this.#outbox.on("saved", (entry) => this.#onSaved(entry));
    this.#outbox.on("refused", (refused) => this.#onRefused(refused));
  }

  #submit(pair: Pair, preference: Preference, time: number): void {
    this.#recorder.submit(pair, preference, this.#shown.responseMs(time));
    this.#queue.finish(pair);
    this.#tally.noteAnswer();
  }

  /** Show what is due: the answer being changed, else the first pair, else why there is none. */
  #settle(askedAt = 0): void {
    const answer = this.#history.current;
    const isLoading = answer !== null && !this.#stage.has(answer.pair);
    const next = this.practice.isOn ? this.practice.current : this.#queue.first;
    const due = ending.value ? null : isLoading ? this.#shown.pair : answer ? answer.pair : next;
    if (due !== this.#shown.pair) this.#show(due, askedAt);
    batch(() => {
      const isReal = due !== null && !answer && !this.practice.isOn;
      screen.revising.value = isLoading ? null : (answer?.preference ?? null);
      screen.isPairThere.value = due !== null;
      screen.can.value = { answer: due !== null, undo: this.#history.canGoBack && !this.practice.isOn, skip: isReal };
      screen.isStopped.value = this.#follower.state === "RUN_STATE_STOPPED";
      if (this.#queue.error?.code === "unauthenticated") this.#askToLogIn();
      if (!due) this.#showReason();
    });
  }

  #showReason(): void {
    const { isFetching, error } = this.#queue;
    const { stats, state, lostMs } = this.#follower;
    screen.empty.value = whyEmpty({
      runId: this.runId,
      isFetching: isFetching || this.practice.isOn,
      error,
      stats,
      state,
      isAway: this.#presence.isAway,
      lostMs,
      numWaiting: this.#outbox.numWaiting,
    });
  }

  #show(pair: Pair | null, askedAt: number): void {
    this.#shown.put(pair, askedAt);
    if (!pair) return;
    screen.runId.value = pair.runId;
    if (pair.question) screen.question.value = pair.question;
    this.guidelines.expect(pair.runId, pair.guidelinesVersion);
  }

  #onSaved(entry: Entry): void {
    this.#follower.readSoon();
    if (entry.method === "SubmitPreference") this.reveal.note(this.runId);
  }

  #onRefused({ entry, error }: { entry: Entry; error: CallError }): void {
    if (entry.method === "SubmitPreference") this.#history.drop(entry.message.answerId);
    screen.say(`An answer was rejected: ${error.message}`);
    this.#settle();
  }

  #showSaving(): void {
    const { numWaiting, numRefused, error } = this.#outbox;
    screen.saving.value = { numWaiting, numRefused, isUnreachable: error !== null };
    if (error?.code === "unauthenticated") this.#askToLogIn();
  }

  #askToLogIn(): void {
    this.isOpen = false;
    askToLogIn("Your token is no longer valid. Log in again; your answers are kept in this browser.");
  }

  #onStats(stats: Stats): void {
    this.#tally.read(stats);
    screen.stats.value = stats;
    if (!this.#shown.pair?.question && stats.question) screen.question.value = stats.question;
    if (this.#follower.isFinished) this.#finish(stats);
    else if (!this.#shown.pair?.guidelinesVersion) this.guidelines.expect(this.runId, stats.guidelinesVersion ?? 0);
    this.#queue.forgive();
    this.#settle();
  }

  #onUnknown(error: CallError): void {
    // A token may be revoked while pairs are still there. The queue reports everything else.
    if (error.code === "unauthenticated") this.#askToLogIn();
    // A server that reported the end may go away before it says more.
    if (this.#follower.isFinished) this.#finish(this.#follower.stats);
    this.#settle();
  }

  #finish(stats: Stats | null): void {
    this.#history.leave();
    this.practice.end();
    this.#queue.suspend("over");
    this.reveal.dismiss();
    this.guidelines.end();
    void end(this.runId, stats?.result ?? {});
  }
}
