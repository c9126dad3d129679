// The owner page: how a run asks, who may call, how well they answer, what they answered, export, webhooks and the audit
// log.

import { useEffect, useState } from "preact/hooks";

import type { Run } from "../connect/messages";
import { logOut, type Session } from "../connect/session";
import { AnswersSection } from "./answers/answers_section";
import { AuditSection } from "./audit_section";
import { ExportSection } from "./export_section";
import { GuidelinesSection } from "./guidelines_section";
import { LabelerSection } from "./labelers/labeler_section";
import { LabelersSection } from "./labelers/labelers_section";
import { readAll, useLoaded, type Loaded } from "../shell/loading";
import { OwnersOnly, Problem } from "../shell/parts";
import { QualitySection } from "./labelers/quality_section";
import { RunSection } from "./run_section";
import { WebhooksSection } from "./webhooks_section";

import "./owner.css";

const SECTIONS = [
  { id: "asking", name: "Settings", Section: RunSection },
  { id: "guidelines", name: "Guidelines", Section: GuidelinesSection },
  { id: "labelers", name: "Labelers", Section: LabelersSection },
  { id: "quality", name: "Quality", Section: QualitySection },
  { id: "answers", name: "Answers", Section: AnswersSection },
  { id: "export", name: "Export", Section: ExportSection },
  { id: "webhooks", name: "Webhooks", Section: WebhooksSection },
  { id: "audit", name: "Audit log", Section: AuditSection },
] as const;

export function Page({ session }: { session: Session }) {
  const runs = useLoaded("runs", () => readAll("ListRuns"));
  const [chosen, setChosen] = useState(new URLSearchParams(location.search).get("run") ?? session.runId);
  const choose = (runId: string) => {
    history.replaceState(null, "", `?run=${encodeURIComponent(runId)}${location.hash}`);
    setChosen(runId);
  };
  const run = runs.value?.find(({ runId }) => runId === chosen) ?? runs.value?.[0];
  const place = useHash();
  const [name, labelerId] = place.split("/");
  const { id, Section } = SECTIONS.find((section) => section.id === (labelerId ? "quality" : name)) ?? SECTIONS[0];
  // In a narrow window the names are in one row, only part of which is visible.
  useEffect(() => {
    document.querySelector(".owner aside [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  }, [id, run?.runId]);
  if (session.role !== "owner") return <OwnersOnly session={session} />;
  return (
    <div class="owner">
      <aside>
        <h1>{run?.runId ?? "Owner"}</h1>
        <p class="who">
          as {session.name}
          <button type="button" onClick={() => void logOut().then(() => location.assign("/owner"))}>
            Log out
          </button>
        </p>
        <RunChoice runs={runs.value ?? []} chosen={run?.runId ?? ""} choose={choose} />
        <nav aria-label="Sections">
          {SECTIONS.map((section) => (
            <a key={section.id} href={`#${section.id}`} aria-current={section.id === id ? "true" : undefined}>
              {section.name}
            </a>
          ))}
        </nav>
      </aside>
      <div class="sections">
        {runs.problem ? <Problem sentence={runs.problem} /> : null}
        {run && labelerId ? (
          <LabelerSection key={`${place} ${run.runId}`} {...{ session, run, runs }} labelerId={decodeURIComponent(labelerId)} />
        ) : null}
        {run && !labelerId ? <Section key={`${id} ${run.runId}`} {...{ session, run, runs }} /> : null}
        {run ? null : <NoRun runs={runs} />}
      </div>
    </div>
  );
}

function RunChoice(props: { runs: Run[]; chosen: string; choose: (runId: string) => void }) {
  const { runs, chosen, choose } = props;
  if (runs.length < 2) return null;
  return (
    <label class="run-choice">
      Run
      <select id="run-choice" value={chosen} onChange={(event) => choose(event.currentTarget.value)}>
        {runs.map(({ runId }) => (
          <option key={runId} value={runId}>
            {runId}
          </option>
        ))}
      </select>
    </label>
  );
}

function NoRun({ runs }: { runs: Loaded<Run[]> }) {
  if (runs.value === null) return null;
  return (
    <div class="card">
      <h2>No run yet</h2>
      <p>It will appear here once its reward service has registered it.</p>
    </div>
  );
}

/** Return the part of the address after # as it changes. */
function useHash(): string {
  const [hash, setHash] = useState(location.hash.slice(1));
  useEffect(() => {
    const follow = () => setHash(location.hash.slice(1));
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  return hash;
}
