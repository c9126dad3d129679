// The end of a run: what the agent learned, fetched at once, because the server goes away soon.

import { signal } from "@preact/signals";

import { Backoff } from "../../connect/backoff";
import { asCallError } from "../../connect/call";
import type { RunResult } from "../../connect/messages";
import { fetchPolicyClip, newestPolicyClip } from "../../connect/policy_clips";

export interface Ending {
  result: RunResult;
  /** The URL of the final policy's video once it is fetched; null if there is none. */
  videoUrl: string | null;
  isFetching: boolean;
}

/** The run's ending; null until it is finished. */
export const ending = signal<Ending | null>(null);

const NUM_TRIES = 8;

/** Show that a run is finished and fetch its final policy's video, once. */
export async function end(runId: string, result: RunResult): Promise<void> {
  if (ending.value) return;
  ending.value = { result, videoUrl: null, isFetching: true };
  const videoUrl = await fetchVideo(runId);
  ending.value = { result, videoUrl, isFetching: false };
}

async function fetchVideo(runId: string): Promise<string | null> {
  const backoff = new Backoff();
  for (let numLeft = NUM_TRIES; numLeft > 0; numLeft -= 1) {
    try {
      const clip = await newestPolicyClip(runId);
      return clip && URL.createObjectURL(await fetchPolicyClip(runId, clip));
    } catch (error) {
      if (!asCallError(error).isTransient) return null;
      await backoff.wait();
    }
  }
  return null;
}
