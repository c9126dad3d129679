// What the run page reads from the labeler.

import { call, CallError } from "../connect/call";
import { num, type ClippedQuery, type LabelerQuality, type PolicyClip, type ProgressPoint } from "../connect/messages";

const NUM_CLIPS = 6;
const MAX_POINTS = 3_000; // the labeler keeps 2,000; a page that has been open for hours reads those again

export interface Progress {
  /** As reported, oldest first. */
  points: ProgressPoint[];
  cursor: string;
  /** How many seconds ago the newest point was reported. */
  ageS: number;
}

/** Return the points so far with the new ones added. */
export async function readProgress(runId: string, before: Progress | null): Promise<Progress> {
  const known = before && before.points.length < MAX_POINTS ? before : { points: [], cursor: "0" };
  const { cursor } = known;
  const reply = await call("GetRunProgress", { runId, cursor });
  const points = reply.points?.length ? [...known.points, ...reply.points] : known.points;
  const newest = points.at(-1);
  const ageS = newest ? (Date.parse(reply.readTime) - Date.parse(newest.reportTime)) / 1000 : 0;
  return { points, cursor: reply.cursor ?? cursor, ageS };
}

export async function readPairs(runId: string): Promise<ClippedQuery[]> {
  const reply = await call("ListClips", { runId, pageSize: NUM_CLIPS });
  return reply.queries ?? [];
}

export async function readLabelers(runId: string): Promise<LabelerQuality[]> {
  const { labelers = [] } = await call("GetLabelerQuality", { runId });
  return labelers.sort((one, other) => num(other.numAnswers) - num(one.numAnswers));
}

/** Return a run's policy clips, oldest first; none from a labeler too old to have them. */
export async function readPolicyClips(runId: string): Promise<PolicyClip[]> {
  try {
    return (await call("ListPolicyClips", { runId })).clips ?? [];
  } catch (error) {
    if (error instanceof CallError && error.code === "unimplemented") return [];
    throw error;
  }
}
