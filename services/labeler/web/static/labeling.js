// One key: answer, send, next.

import { call } from "./api.js";
import { AnswerHistory } from "./answer_history.js";
import { LeaseQueue } from "./lease_queue.js";
import { Outbox } from "./outbox.js";
import { Pace } from "./pace.js";
import { whyEmpty } from "./reasons.js";
import { Stage } from "./stage.js";
import * as view from "./view.js";

const STATS_EVERY_MS = 3_000;

const LET_GO_AFTER_MS = 400; // not while the next pair starts to play

const PREFERENCES = {
  left: "PREFERENCE_LEFT",
  right: "PREFERENCE_RIGHT",
  equal: "PREFERENCE_EQUAL",
  incomparable: "PREFERENCE_INCOMPARABLE",
};

/** Brings queue, stage, outbox and view together. */
export class Labeling {
  #session;
  #outbox;
  #stage;
  #queue;
  #history;
  #pace = new Pace();
  #shown = null;
  #shownAt = 0;
  #stats = null;
  #numOwn = 0;
  #isLoggedOut = false;

  constructor({ session, outbox, stage }) {
    this.#session = session;
    this.#outbox = outbox;
    this.#stage = stage;
    this.#history = new AnswerHistory(({ pair }) => this.#discard(pair));
    this.#queue = new LeaseQueue({
      runId: session.runId,
      labelerId: session.labelerId,
      prepare: (pair) => stage.prepare(pair),
      discard: (pair) => this.#discard(pair),
    });
    this.#queue.addEventListener("change", () => this.#settle());
    this.#queue.addEventListener("lost", ({ detail }) => this.#onLost(detail));
    addEventListener("beforeunload", (event) => {
      if (outbox.isAtRisk) event.preventDefault();
    });
    outbox.addEventListener("change", () => this.#showSaving());
    outbox.addEventListener("saved", ({ detail }) => this.#onSaved(detail));
    outbox.addEventListener("refused", ({ detail }) => this.#onRefused(detail));
  }

  /** Makes ready to label in the name of a session; `start` shows the first pair. */
  static async open(session) {
    const frames = { left: document.getElementById("frame-left"), right: document.getElementById("frame-right") };
    const stage = new Stage({ frames, progress: document.getElementById("progress") });
    const labeling = new Labeling({ session, outbox: await Outbox.open(session.labelerId), stage });
    view.showRun(session.runId);
    view.showSpeed(stage.speed);
    view.showPart("labeling");
    if (labeling.#outbox.numWaiting) labeling.#showSaving();
    return labeling;
  }

  /** Begins to lease and to show pairs. */
  async start() {
    this.#settle();
    this.#followStats();
    await this.#queue.start();
  }

  /** Does what a key or a button asks; `time` is when it was pressed. */
  act(action, time) {
    if (this.#isLoggedOut) return;
    this.#queue.see();
    if (action in PREFERENCES) this.#answer(action, time);
    else if (action === "undo") this.#undo();
    else if (action === "keep") this.#keep(time);
    else if (action === "skip") this.#skip();
    else if (action === "replay") this.#stage.replay();
    else if (action === "slower") this.#changeSpeed(-1);
    else if (action === "faster") this.#changeSpeed(1);
    else if (action === "help") view.openHelp();
  }

  /** Notes that the labeler is here. */
  see() {
    this.#queue.see();
  }

  #answer(preference, time) {
    if (!this.#shown) return;
    view.flash(preference);
    if (this.#history.current) this.#revise(preference);
    else this.#submit(preference, time);
    this.#settle(time);
  }

  #submit(preference, time) {
    const pair = this.#shown;
    const answer = { pair, answerId: newName(), version: 1, preference };
    this.#outbox.submit({
      answerId: answer.answerId,
      leaseToken: pair.leaseToken,
      preference: PREFERENCES[preference],
      responseMs: Math.max(1, Math.round(time - this.#shownAt)),
    });
    this.#history.add(answer);
    this.#queue.finish(pair);
    this.#pace.note();
    this.#say(`Last answer: ${view.WORDS[preference]}.`);
  }

  #revise(preference) {
    const answer = this.#history.current;
    if (preference !== answer.preference) {
      answer.version += 1;
      answer.preference = preference;
      this.#outbox.revise({ answerId: answer.answerId, version: answer.version, preference: PREFERENCES[preference] });
      this.#say(`Changed to: ${view.WORDS[preference]}.`);
    }
    this.#history.leave();
  }

  async #undo() {
    if (!this.#history.canGoBack) return this.#say("There is no earlier answer to change.");
    this.#history.goBack();
    const answer = this.#history.current;
    if (!this.#stage.has(answer.pair)) await this.#stage.prepare(answer.pair);
    // Another key may have been pressed while the clips were loaded.
    if (this.#history.current === answer) this.#settle();
  }

  #keep(time) {
    if (!this.#history.current) return;
    this.#history.leave();
    this.#settle(time);
  }

  #skip() {
    const pair = this.#shown;
    if (!pair || this.#history.current) return;
    // If this can't be sent the lease ends by itself.
    this.#queue.release(pair).catch(() => {});
    this.#say("Skipped: somebody else gets that pair.");
    this.#settle();
  }

  #changeSpeed(direction) {
    this.#stage.changeSpeed(direction);
    view.showSpeed(this.#stage.speed);
  }

  /** Makes the page show what is due: the answer being changed, else the first pair, else why there is none. */
  #settle(askedAt = 0) {
    const answer = this.#history.current;
    const due = answer ? answer.pair : this.#queue.first;
    if (due !== this.#shown) this.#show(due, askedAt);
    view.showRevising(answer?.preference ?? null);
    view.showPair(due !== null);
    view.enable({ canAnswer: due !== null, canUndo: this.#history.canGoBack, canSkip: due !== null && !answer });
    if (this.#queue.error?.code === "unauthenticated") this.#askToLogIn();
    if (!due) view.showEmpty(whyEmpty({ isFetching: this.#queue.isFetching, error: this.#queue.error, stats: this.#stats }));
  }

  #show(pair, askedAt) {
    const before = this.#shown;
    this.#shown = pair;
    if (pair) {
      this.#stage.show(pair, askedAt);
      this.#shownAt = performance.now();
      view.showQuestion(pair.question);
    } else {
      this.#stage.hide();
    }
    if (before) setTimeout(() => this.#letGo(before), LET_GO_AFTER_MS);
  }

  /** Frees a pair's decoders, unless it is still to be answered or shown again by now. */
  #letGo(pair) {
    if (pair !== this.#shown && pair !== this.#queue.first) this.#stage.forget(pair);
  }

  #discard(pair) {
    this.#stage.forget(pair);
    if (!pair.urls) return;
    URL.revokeObjectURL(pair.urls.left);
    URL.revokeObjectURL(pair.urls.right);
    pair.urls = null;
  }

  #onLost({ pair, reason }) {
    if (pair === this.#shown) this.#say(`The pair was taken away. ${reason}`);
    this.#settle();
  }

  #onSaved(entry) {
    if (entry.method === "SubmitPreference") this.#numOwn += 1;
    this.#showCounts();
  }

  #onRefused({ entry, error }) {
    if (entry.method === "SubmitPreference") this.#history.drop(entry.message.answerId);
    this.#say(`An answer was refused: ${error.message}`);
    this.#settle();
  }

  #showSaving() {
    const { numWaiting, numRefused, error } = this.#outbox;
    view.showSaving({ numWaiting, numRefused, isUnreachable: error !== null });
    if (error?.code === "unauthenticated") this.#askToLogIn();
  }

  #askToLogIn() {
    this.#isLoggedOut = true;
    view.showPart("login");
    view.showLoginProblem("Your token is no longer known. Log in again: your answers are kept in this browser.");
  }

  #showCounts() {
    // The run's count is some seconds old; it holds our own answers at least.
    const numRun = Math.max(this.#numOwn, Number(this.#stats?.numAnswered ?? 0));
    view.showCounts({ numOwn: this.#numOwn, numRun, perMinute: this.#pace.perMinute });
  }

  async #followStats() {
    for (;;) {
      const runId = this.#session.runId || this.#shown?.runId;
      if (runId && !document.hidden) await this.#readStats(runId);
      await new Promise((resolve) => setTimeout(resolve, STATS_EVERY_MS));
    }
  }

  async #readStats(runId) {
    try {
      this.#stats = await call("GetStats", { runId });
    } catch {
      return; // The queue says what is wrong.
    }
    this.#numOwn = Math.max(this.#numOwn, Number(this.#stats.numOwn ?? 0));
    view.showStats(this.#stats);
    if (!this.#shown && this.#stats.question) view.showQuestion(this.#stats.question);
    this.#showCounts();
    this.#queue.forgive();
    this.#settle();
  }

  #say(sentence) {
    view.note(sentence);
    view.announce(sentence);
  }
}

/** Gives a name for an answer that nobody else will choose. crypto.randomUUID is missing on pages without TLS. */
function newName() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
