// The run page: how a run is going, for its owner.

import { useMemo, useState } from "preact/hooks";

import { PolicyClips } from "../clips/policy_clips";
import { call } from "../connect/call";
import { num, type Run, type Stats } from "../connect/messages";
import type { Session } from "../connect/session";
import { readAll } from "../shell/loading";
import { OwnersOnly } from "../shell/parts";
import { usePolled } from "../shell/polling";
import { Controls } from "./controls/controls";
import { Curves } from "./curves";
import { Ending } from "./status/ending";
import { Figures } from "./figures";
import { continuous } from "./history";
import { Labelers } from "./labelers";
import { NewestPairs } from "./newest_pairs";
import { readLabelers, readPairs, readPolicyClips, readProgress, type Progress } from "./run_data";
import { StatusBanner } from "./status/status_banner";
import { statusOf } from "./status/status";

import "./status/status.css";
import "./run.css";

const CURVES_MS = 5_000; // as often as there are new points
const CLIPS_MS = 10_000;
const LABELERS_MS = 15_000;
const RUNS_MS = 15_000;

export function Page({ session }: { session: Session }) {
  if (session.role !== "owner") {
    return (
      <OwnersOnly session={session}>It shows what the reward model predicts, which labelers must not know.</OwnersOnly>
    );
  }
  return <RunChooser session={session} />;
}

/** The run that the address or the gateway names, or that was chosen. */
function RunChooser({ session }: { session: Session }) {
  const runs = usePolled("runs", RUNS_MS, () => readAll("ListRuns"));
  const [chosen, setChosen] = useState(new URLSearchParams(location.search).get("run") ?? session.runId);
  const run = runs.value?.find(({ runId }) => runId === chosen) ?? runs.value?.[0];
  const choose = (runId: string) => {
    history.replaceState(null, "", `?run=${encodeURIComponent(runId)}`);
    setChosen(runId);
  };
  if (!run) {
    const words = runs.value ? "It will appear here once its reward service has registered it." : runs.problem || "Loading…";
    return (
      <div class="card">
        <h1>{runs.value ? "No run yet" : "Run"}</h1>
        <p role="status">{words}</p>
      </div>
    );
  }
  return (
    <Watched
      key={run.runId}
      run={run}
      runs={runs.value ?? []}
      session={session}
      choose={choose}
      onChanged={runs.refresh}
    />
  );
}

interface WatchedProps {
  run: Run;
  runs: Run[];
  session: Session;
  choose: (runId: string) => void;
  onChanged: () => void;
}

function Watched({ run, runs, session, choose, onChanged }: WatchedProps) {
  const { runId } = run;
  const progress = usePolled(runId, CURVES_MS, (before: Progress | null) => readProgress(runId, before));
  const stats = usePolled(runId, CURVES_MS, () => call("GetStats", { runId }));
  const pairs = usePolled(runId, CLIPS_MS, () => readPairs(runId));
  const policyClips = usePolled(`policy ${runId}`, CLIPS_MS, () => readPolicyClips(runId));
  const labelers = usePolled(runId, LABELERS_MS, () => readLabelers(runId));
  const reported = progress.value?.points ?? [];
  const points = useMemo(() => continuous(reported), [reported]);
  const newest = reported.at(-1) ?? null;
  const state = stats.value?.runState ?? run.state;
  const isPaused = (stats.value ?? run).isPaused ?? false;
  const isFinishing = run.isFinishing ?? false;
  const labelBudget = num(stats.value?.labelBudget) || num(run.labelBudget) || num(newest?.labelBudget);
  const numAnswered = num(stats.value?.numAnswered ?? newest?.numAnswered);
  const counts = { numAwaited: num(stats.value?.numAwaited ?? newest?.numAwaited), numAnswered, labelBudget };
  const ageS = progress.value?.ageS ?? 0;
  const status = statusOf({ state, isPaused, isFinishing, points: reported, ageS, ...counts });
  const problem = [progress, stats, pairs, policyClips, labelers].map((one) => one.problem).find(Boolean);
  const question = stats.value?.question ?? run.question ?? "";
  const refresh = () => {
    stats.refresh();
    onChanged();
  };
  return (
    <div class="run-page">
      <StatusBanner status={status} session={session} stats={stats.value} labelBudget={labelBudget} />
      <header class="run-header">
        <div>
          <h1>{question || runId}</h1>
          <RunChoice run={run} runs={runs} choose={choose} />
        </div>
        <Controls
          {...{ runId, status, question, isPaused, isFinishing, labelBudget, numAnswered }}
          envSteps={num(points.at(-1)?.envSteps)}
          totalEnvSteps={num(newest?.totalEnvSteps)}
          onChanged={refresh}
        />
      </header>
      {problem ? (
        <p class="problem" role="alert">
          {problem}. This page shows what it last knew and keeps trying.
        </p>
      ) : null}
      <Ending state={state} runId={runId} task={run.task ?? ""} result={stats.value?.result ?? run.result} />
      {status.kind === "finished" ? <PolicyClips clips={policyClips.value} isFinished /> : null}
      <Figures points={reported} stats={stats.value} {...{ status, labelBudget, numAnswered }} />
      {status.kind === "finished" ? null : <PolicyClips clips={policyClips.value} isFinished={false} />}
      {newest || !progress.value ? <Curves runId={runId} points={points} labelBudget={labelBudget} /> : <NoReport />}
      <NewestPairs runId={runId} clips={pairs.value} points={points} awaited={awaitedPairs(stats.value)} />
      <Labelers labelers={labelers.value} runId={runId} />
    </div>
  );
}

function RunChoice({ run, runs, choose }: Pick<WatchedProps, "run" | "runs" | "choose">) {
  const about = run.task ? `${run.task}, ${run.runId}` : run.runId;
  if (runs.length < 2) return <p class="run-about">{about}</p>;
  return (
    <p class="run-about">
      <label>
        {run.task}, run{" "}
        <select id="run-choice" value={run.runId} onChange={(event) => choose(event.currentTarget.value)}>
          {runs.map(({ runId }) => (
            <option key={runId} value={runId}>
              {runId}
            </option>
          ))}
        </select>
      </label>{" "}
      <a href="/runs">All runs</a>
    </p>
  );
}

function NoReport() {
  return (
    <section class="panel" aria-labelledby="curves-title">
      <header>
        <h2 id="curves-title">Learning curves</h2>
      </header>
      <p class="awaited">
        Waiting for the reward service’s first report, which comes a few seconds after the run has started.
      </p>
    </section>
  );
}

function awaitedPairs(stats: Stats | null): string {
  if (num(stats?.numRendering) > 0) return `Waiting for the simulator to render ${num(stats?.numRendering)} pairs.`;
  return "None yet. The first pairs are rendered once there are segments to choose from; when a teacher answers, one in ten is.";
}
