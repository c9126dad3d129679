// The runs page: the status of each run, and their curves in the same charts.

import { useState } from "preact/hooks";

import type { Session } from "../connect/session";
import { readAll } from "../shell/loading";
import { OwnersOnly, Problem } from "../shell/parts";
import { usePolled } from "../shell/polling";
import { isReadOnly } from "../shell/shell";
import { plural } from "../shell/words";
import { Comparison, MAX_COMPARED } from "./comparison";
import { RunsTable } from "./runs_table";

import "../run/status/status.css";
import "./runs.css";

const RUNS_MS = 10_000;

export function Page({ session }: { session: Session }) {
  const runs = usePolled("runs", RUNS_MS, () => readAll("ListRuns"));
  const [chosen, setChosen] = useState(chosenInAddress);
  // A server that only lists the runs of a folder, as `somersault runs` starts one, says where they are.
  isReadOnly.value = runs.value?.some(({ folder }) => folder) ?? false;
  if (session.role !== "owner") return <OwnersOnly session={session} />;
  const known = chosen.filter((id) => runs.value?.some(({ runId }) => runId === id));
  const choose = (runId: string, isChosen: boolean) => {
    const others = known.filter((id) => id !== runId);
    const next = isChosen ? [...others, runId] : others;
    history.replaceState(null, "", next.length ? `?compare=${next.map(encodeURIComponent).join(",")}` : location.pathname);
    setChosen(next);
  };
  return (
    <div class="runs-page">
      <header>
        <h1>Runs</h1>
        <p>
          {runs.value ? plural(runs.value.length, "run") : "Loading…"}
          {runs.value && runs.value.length > 1 ? ". Select some to overlay their curves." : ""}
        </p>
      </header>
      {runs.problem ? <Problem sentence={`${runs.problem}. The page keeps trying.`} /> : null}
      {runs.value?.length === 0 ? <NoRuns /> : null}
      {runs.value?.length ? <RunsTable runs={runs.value} chosen={known} choose={choose} /> : null}
      {known.length ? <Comparison runs={(runs.value ?? []).filter(({ runId }) => known.includes(runId))} chosen={known} /> : null}
    </div>
  );
}

function chosenInAddress(): string[] {
  const text = new URLSearchParams(location.search).get("compare") ?? "";
  return text.split(",").filter(Boolean).slice(0, MAX_COMPARED);
}

function NoRuns() {
  return (
    <p class="awaited">
      None yet. <code>somersault train hopper-backflip</code> starts one.
    </p>
  );
}
