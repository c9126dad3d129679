// The run page: how a run goes, for its owner.

import { useState } from "preact/hooks";

import { call } from "../connect/call";
import { num, type LabelerQuality, type Run, type Stats } from "../connect/messages";
import type { Session } from "../connect/session";
import { Clips } from "./clips";
import { Curves } from "./curves";
import { Figures } from "./figures";
import { Labelers } from "./labelers";
import type { ClippedQuery, ProgressPoint, RunProgress } from "./messages";
import { PauseButton, RunState } from "./pausing";
import { usePolled } from "./polling";

import "./run.css";

const CURVES_MS = 5_000; // as often as there are new points
const CLIPS_MS = 10_000;
const LABELERS_MS = 15_000;
const NUM_CLIPS = 6;
const MAX_POINTS = 3_000; // the labeler keeps 2,000; a page that was open for hours reads those anew

export function Page({ session }: { session: Session }) {
  if (session.role !== "owner") return <NotAnOwner session={session} />;
  return <RunChooser session={session} />;
}

/** Shows the run that the gateway is for, or the one that is chosen. */
function RunChooser({ session }: { session: Session }) {
  const runs = usePolled("runs", 60_000, async () => (await call<{ runs?: Run[] }>("ListRuns", {})).runs ?? []);
  const [chosen, choose] = useState(session.runId);
  const run = runs.value?.find(({ runId }) => runId === chosen) ?? runs.value?.[0];
  if (!run) {
    const words = runs.value ? "It appears here once its reward service has made it known." : runs.problem || "Loading …";
    return (
      <div class="card">
        <h1>{runs.value ? "There is no run yet" : "Run"}</h1>
        <p role="status">{words}</p>
      </div>
    );
  }
  return <Watched key={run.runId} run={run} runs={runs.value ?? []} choose={choose} />;
}

interface WatchedProps {
  run: Run;
  runs: Run[];
  choose: (runId: string) => void;
}

function Watched({ run, runs, choose }: WatchedProps) {
  const { runId } = run;
  const curves = usePolled(runId, CURVES_MS, (before: Progress | null) => readProgress(runId, before));
  const stats = usePolled(runId, CURVES_MS, () => call<Stats>("GetStats", { runId }));
  const clips = usePolled(runId, CLIPS_MS, () => readClips(runId));
  const labelers = usePolled(runId, LABELERS_MS, () => readLabelers(runId));
  const points = curves.value?.points ?? [];
  const newest = points.at(-1) ?? null;
  const isPaused = (stats.value ?? run).isPaused ?? false;
  const problem = curves.problem || stats.problem || clips.problem || labelers.problem;
  return (
    <div class="run-page">
      <header class="run-header">
        <div>
          <h1>{stats.value?.question ?? run.question ?? runId}</h1>
          <RunChoice run={run} runs={runs} choose={choose} />
        </div>
        <RunState isPaused={isPaused} newest={newest} ageS={curves.value?.ageS ?? 0} />
        <PauseButton runId={runId} isPaused={isPaused} onChanged={stats.refresh} />
      </header>
      {problem ? (
        <p class="problem" role="alert">
          {problem}. What is shown is as of before; the page goes on trying.
        </p>
      ) : null}
      <Figures points={points} stats={stats.value} />
      {newest || !curves.value ? <Curves points={points} /> : <NoReport />}
      <Clips clips={clips.value} awaited={awaitedClips(stats.value)} />
      <Labelers labelers={labelers.value} />
    </div>
  );
}

interface Progress {
  points: ProgressPoint[];
  cursor: string;
  ageS: number;
}

/** Adds what is new to the points before. */
async function readProgress(runId: string, before: Progress | null): Promise<Progress> {
  const known = before && before.points.length < MAX_POINTS ? before : { points: [], cursor: "0" };
  const { cursor } = known;
  const reply = await call<RunProgress>("GetRunProgress", { runId, cursor });
  const points = reply.points?.length ? [...known.points, ...reply.points] : known.points;
  const newest = points.at(-1);
  const ageS = newest ? (Date.parse(reply.readTime) - Date.parse(newest.reportTime)) / 1000 : 0;
  return { points, cursor: reply.cursor ?? cursor, ageS };
}

async function readClips(runId: string): Promise<ClippedQuery[]> {
  const reply = await call<{ queries?: ClippedQuery[] }>("ListClips", { runId, pageSize: NUM_CLIPS });
  return reply.queries ?? [];
}

async function readLabelers(runId: string): Promise<LabelerQuality[]> {
  const { labelers = [] } = await call<{ labelers?: LabelerQuality[] }>("GetLabelerQuality", { runId });
  return labelers.sort((one, other) => num(other.numAnswers) - num(one.numAnswers));
}

function RunChoice({ run, runs, choose }: WatchedProps) {
  const about = run.task ? `${run.task}, ${run.runId}` : run.runId;
  if (runs.length < 2) return <p class="run-about">{about}</p>;
  return (
    <label class="run-about">
      {run.task}, run{" "}
      <select id="run-choice" value={run.runId} onChange={(event) => choose(event.currentTarget.value)}>
        {runs.map(({ runId }) => (
          <option key={runId} value={runId}>
            {runId}
          </option>
        ))}
      </select>
    </label>
  );
}

function NoReport() {
  return (
    <section class="panel" aria-labelledby="curves-title">
      <header>
        <h2 id="curves-title">Learning curves</h2>
      </header>
      <p class="awaited">
        Waiting for the reward service’s first report. It comes a few seconds after the run has started, and then every
        five seconds.
      </p>
    </section>
  );
}

function awaitedClips(stats: Stats | null): string {
  if (num(stats?.numRendering) > 0) return `Waiting for the simulator to draw ${num(stats?.numRendering)} pairs.`;
  return "None so far. The first pairs are drawn once there are segments to choose from; beside a teacher, one in ten is.";
}

function NotAnOwner({ session }: { session: Session }) {
  return (
    <div class="card">
      <h1>This page is for owners</h1>
      <p>
        You are logged in as {session.name}, a {session.role}. It shows what the reward model predicts, which nobody who
        answers may know. Open the owner’s address to see it.
      </p>
    </div>
  );
}
