// Clips of what a run's policies do.

import { call, fetchBlob } from "./call";
import { num, type PolicyClip } from "./messages";

/** What clips are encoded as, where they come in a message: from the gateway they come with their type. */
const CLIP_MEDIA_TYPE = "video/mp4";

/** Return the run's newest policy clip, the final one if there is one; null if there is none. */
export async function newestPolicyClip(runId: string): Promise<PolicyClip | null> {
  const { clips = [] } = await call("ListPolicyClips", { runId });
  return clips.find(({ isFinal }) => isFinal) ?? clips.at(-1) ?? null;
}

/** Return the video of a policy. */
export async function fetchPolicyClip(runId: string, { policyVersion, clipUrl }: PolicyClip): Promise<Blob> {
  if (clipUrl) return fetchBlob(clipUrl);
  const request = { runId, policyVersion: String(num(policyVersion)) };
  const { clip = "" } = await call("GetPolicyClip", request, { timeoutMs: 30_000 });
  return videoOf(clip);
}

/** Return the video that a message holds in base64. */
export function videoOf(base64: string): Blob {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return new Blob([bytes], { type: CLIP_MEDIA_TYPE });
}
