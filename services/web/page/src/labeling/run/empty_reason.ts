// Why there is no pair to show.

import type { CallError } from "../../connect/call";
import { num, type RunState, type Stats } from "../../connect/messages";

export interface Reason {
  title: string;
  /** `Backticks` mark code. */
  reason: string;
  /** Whether nothing is in progress, so no animated dots. */
  isStill?: boolean;
  /** Whether the labeler may ask to try again at once. */
  canRetry?: boolean;
}

export interface Situation {
  runId: string;
  isFetching: boolean;
  error: CallError | null;
  stats: Stats | null;
  /** Null while it isn't known. */
  state: RunState | null;
  /** Whether the labeler left and the pairs were returned. */
  isAway: boolean;
  /** For how long the run hasn't responded. */
  lostMs: number;
  /** Answers that wait in this browser. */
  numWaiting: number;
}

const LONG_LOST_MS = 60_000;

/** Return the reason, from the run's counts (GetStats) and the queue's state. */
export function whyEmpty(situation: Situation): Reason {
  const { isFetching, error, stats, state, isAway } = situation;
  if (isAway) {
    const reason = "Your pairs were returned, so that others can answer them. Press any key for the next pair.";
    return { title: "Still there?", reason, isStill: true };
  }
  if (state === "RUN_STATE_STOPPED" && !isFetching) return whyStopped(situation);
  if (error) return whyRefused(error, situation);
  if (isFetching) return { title: "One moment", reason: "The next clips are on their way." };
  if (!stats) return { title: "No pair is ready yet", reason: "Checking with the run." };
  if (stats.isPaused || state === "RUN_STATE_PAUSED") {
    return { title: "The run is paused", reason: "Pairs will appear here once it resumes.", isStill: true };
  }
  return whyNotReady(stats);
}

function whyNotReady(stats: Stats): Reason {
  const numAwaited = num(stats.numAwaited);
  const answers = numAwaited === 1 ? "1 answer" : `${numAwaited} answers`;
  const title = numAwaited ? `The agent is waiting for ${answers}` : "No pair is ready yet";
  const numRendering = num(stats.numRendering);
  if (numRendering > 0) {
    const what = numRendering === 1 ? "1 pair is" : `${numRendering} pairs are`;
    return { title, reason: `${what} being rendered. The next one will appear here.` };
  }
  if (num(stats.numReady) + num(stats.numLeased) > 0) {
    const reason =
      "The open pairs are held elsewhere, perhaps by a tab that you closed; they will be back within two minutes.";
    return { title, reason };
  }
  if (numAwaited) return { title, reason: "The next pairs are being chosen and will appear here." };
  return {
    title: "The agent is practising",
    reason: "It is learning from the answers so far and needs none right now. New pairs will appear here.",
  };
}

function whyStopped({ error, numWaiting, runId }: Situation): Reason {
  const title = "The run was stopped";
  if (error?.isUnreachable) {
    const reason = `${kept(numWaiting)} If it is resumed, this page continues. \`somersault open ${runId}\` shows it again.`;
    return { title, reason: reason.trim(), isStill: true, canRetry: true };
  }
  const reason = "If it is resumed, new pairs will appear here, and it learns from the answers so far.";
  return { title, reason, isStill: true };
}

function whyRefused(error: CallError, { lostMs, numWaiting, runId }: Situation): Reason {
  if (error.isUnreachable) {
    const title = "Can’t reach the server";
    if (lostMs < LONG_LOST_MS) {
      const reason = "This page keeps trying. Answers that aren’t saved yet are kept in this browser.";
      return { title, reason, canRetry: true };
    }
    const minutes = Math.floor(lostMs / 60_000);
    const since = `It hasn’t responded for ${minutes === 1 ? "a minute" : `${minutes} minutes`}.`;
    const reason = `${since} ${kept(numWaiting)} You can close this tab: \`somersault open ${runId}\` opens the run again.`;
    return { title, reason, isStill: true, canRetry: true };
  }
  if (error.code === "not_found") {
    return { title: "The run hasn’t started yet", reason: "Its first pairs will appear here." };
  }
  if (error.code === "resource_exhausted") {
    const reason =
      "You already hold as many pairs as allowed, perhaps in another window. They will be released within two minutes.";
    return { title: "Too many pairs at once", reason };
  }
  if (error.code === "permission_denied") {
    const reason = `Log in with a labeler’s token. ${error.message}`;
    return { title: "This token isn’t allowed to label", reason, isStill: true };
  }
  return { title: "Couldn’t load a pair", reason: error.message };
}

/** Return what happens to answers that wait. */
function kept(numWaiting: number): string {
  if (numWaiting === 0) return "All your answers are saved.";
  const which = numWaiting === 1 ? "1 answer is" : `${numWaiting} answers are`;
  return `${which} kept in this browser and will be sent when the run is open again.`;
}
