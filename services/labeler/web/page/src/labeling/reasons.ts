// Why there is no pair to show, in words.

import type { CallError } from "../connect/call";
import { num, type Stats } from "../connect/messages";

export interface Reason {
  title: string;
  reason: string;
}

interface Situation {
  isFetching: boolean;
  error: CallError | null;
  stats: Stats | null;
}

/** Gives the reason from the run's counts (GetStats) and the queue's state. */
export function whyEmpty({ isFetching, error, stats }: Situation): Reason {
  if (error) return whyRefused(error);
  const title = "No pair is ready yet";
  if (isFetching) return { title: "One moment", reason: "The next clips are on their way." };
  if (!stats) return { title, reason: "Asking the run what it has." };
  if (stats.isPaused) return { title: "The run is paused", reason: "Pairs appear here by themselves once it goes on." };
  const numRendering = num(stats.numRendering);
  if (numRendering > 0) {
    const what = numRendering === 1 ? "One pair is" : `${numRendering} pairs are`;
    return { title, reason: `${what} being drawn. The next one appears here by itself.` };
  }
  if (num(stats.numReady) + num(stats.numLeased) > 0) {
    return { title, reason: "The open pairs are with other labelers, or you have seen them." };
  }
  const reason =
    "The run asks nothing right now: it is learning from the answers so far. New pairs appear here by themselves.";
  return { title, reason };
}

function whyRefused(error: CallError): Reason {
  if (error.isUnreachable) {
    const reason = "This page tries again by itself. Answers that were not saved yet are kept in this browser.";
    return { title: "The labeler can’t be reached", reason };
  }
  if (error.code === "not_found") {
    return { title: "The run has not begun yet", reason: "Its first pairs appear here by themselves." };
  }
  if (error.code === "resource_exhausted") {
    const reason =
      "You hold as many pairs as you may, perhaps in another window. They are free again within two minutes.";
    return { title: "Too many pairs at once", reason };
  }
  if (error.code === "permission_denied") {
    return { title: "This token may not label", reason: `Log in with a labeler’s token. ${error.message}` };
  }
  return { title: "No pair could be had", reason: error.message };
}
