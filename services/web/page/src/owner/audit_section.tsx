// What owners changed, and on request what services did, newest first.

import { useState } from "preact/hooks";

import { call } from "../connect/call";
import type { AuditEntry } from "../connect/messages";
import { readAll, useLoaded, wordsOf } from "../shell/loading";
import type { SectionContext } from "./section_context";
import { Problem, Section, Time } from "../shell/parts";

const PAGE_SIZE = 50;
/** Details up to this size are shown in the row; longer ones unfold. */
const NUM_SHORT = 3;
const LONGEST_SHORT = 80;

const WORDS: Record<string, string> = {
  AddPolicyClip: "added the clip of",
  CreateLabeler: "invited",
  CreateRun: "registered",
  CreateWebhook: "created",
  DeleteWebhook: "deleted",
  EndSessions: "logged out",
  ExportPreferences: "exported",
  ImportPreferences: "imported",
  InviteLabeler: "added to the run",
  ProposeQueries: "proposed",
  RemoveLabeler: "removed from the run",
  RevokeToken: "revoked",
  RotateToken: "gave a new token to",
  SetGuidelines: "wrote guidelines for",
  SetLabelerWeight: "set the weight of",
  UpdateRun: "changed",
  WithdrawQueries: "withdrew",
};

interface ListPage {
  entries?: AuditEntry[];
  nextPageToken?: string;
}

export function AuditSection({ run: { runId } }: SectionContext) {
  const [onlyRun, setOnlyRun] = useState(false);
  const [hasServices, setHasServices] = useState(false);
  const filter = { runId: onlyRun ? runId : "", isWithoutServices: !hasServices };
  const scope = `${filter.runId} ${hasServices}`;
  const first = useLoaded(`audit ${scope}`, () => readListPage(filter, ""));
  const names = useLoaded("labelers", () => readAll("ListLabelers"));
  const [older, setOlder] = useState<{ scope: string; pages: ListPage[] }>({ scope, pages: [] });
  const [problem, setProblem] = useState("");
  const pages = [...(first.value ? [first.value] : []), ...(older.scope === scope ? older.pages : [])];
  const next = pages.at(-1)?.nextPageToken ?? "";
  const more = async () => {
    try {
      const page = await readListPage(filter, next);
      setOlder({ scope, pages: [...pages.slice(1), page] });
      setProblem("");
    } catch (error) {
      setProblem(wordsOf(error));
    }
  };
  const nameOf = (id: string) => names.value?.find(({ labelerId }) => labelerId === id)?.name || id;
  const lead = "Every change by an owner, and every export. Rows are only ever added.";
  return (
    <Section id="audit" title="Audit log" lead={lead} loaded={first}>
      <div class="actions">
        <label class="check">
          <input type="checkbox" checked={onlyRun} onChange={(event) => setOnlyRun(event.currentTarget.checked)} />
          Only {runId}
        </label>
        <label class="check">
          <input
            id="audit-services"
            type="checkbox"
            checked={hasServices}
            onChange={(event) => setHasServices(event.currentTarget.checked)}
          />
          Include what the run’s own services did
        </label>
      </div>
      {first.value && !first.value.entries?.length ? <p class="faint">Nothing yet.</p> : null}
      <AuditTable entries={pages.flatMap(({ entries = [] }) => entries)} nameOf={nameOf} />
      {problem ? <Problem sentence={problem} /> : null}
      {next ? (
        <button type="button" class="quiet" onClick={() => void more()}>
          Older
        </button>
      ) : null}
    </Section>
  );
}

function readListPage(filter: { runId: string; isWithoutServices: boolean }, pageToken: string): Promise<ListPage> {
  return call("ListAuditLog", { ...filter, pageToken, pageSize: PAGE_SIZE });
}

function AuditTable({ entries, nameOf }: { entries: AuditEntry[]; nameOf: (id: string) => string }) {
  return (
    <div class="scroller" tabIndex={0} role="region" aria-label="Audit log">
      <table class="rows" id="audit-table">
        <thead>
          <tr>
            <th scope="col">When</th>
            <th scope="col">Who</th>
            <th scope="col">Action</th>
            <th scope="col">Target</th>
            <th scope="col">Details</th>
          </tr>
        </thead>
        <tbody>
          {entries.map((entry) => (
            <tr key={entry.number}>
              <td>
                <Time at={entry.commitTime} />
              </td>
              <td>{nameOf(entry.labelerId)}</td>
              <td title={entry.action}>{WORDS[entry.action] ?? entry.action}</td>
              <td>{nameOf(entry.object ?? "")}</td>
              <td class="detail">
                <Detail json={entry.detail} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Detail({ json }: { json: string | undefined }) {
  const words = detailWords(json ?? "");
  const [first] = words;
  if (words.length <= NUM_SHORT && words.join(", ").length <= LONGEST_SHORT) return <>{words.join(", ")}</>;
  return (
    <details>
      <summary>
        {(first ?? "").length <= LONGEST_SHORT ? first : `${first?.slice(0, LONGEST_SHORT).trimEnd()}…`}
        {words.length > 1 ? ` and ${words.length - 1} more` : ""}
      </summary>
      <ul>
        {words.map((each) => (
          <li key={each}>{each}</li>
        ))}
      </ul>
    </details>
  );
}

/** Return an entry's JSON as "name value" pairs; nested objects are flattened. */
export function detailWords(json: string): string[] {
  try {
    return wordsIn(JSON.parse(json || "{}"));
  } catch {
    return [json];
  }
}

function wordsIn(value: unknown, name = ""): string[] {
  const words = name.replaceAll("_", " ");
  if (Array.isArray(value)) return [`${words} ${value.map((each) => wordsIn(each).join(" ")).join(", ")}`.trim()];
  if (typeof value === "object" && value !== null) return Object.entries(value).flatMap(([key, each]) => wordsIn(each, key));
  if (value === null || value === "") return words ? [`no ${words.replace(/^is /, "")}`] : [];
  if (typeof value === "boolean" && words) return [value ? words.replace(/^is /, "") : `not ${words.replace(/^is /, "")}`];
  return [`${words} ${String(value)}`.trim()];
}
