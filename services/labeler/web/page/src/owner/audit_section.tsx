// What owners changed, and services too if asked for, newest first.

import { useState } from "preact/hooks";

import { call } from "../connect/call";
import type { AuditEntry, Labeler } from "../connect/messages";
import { readAll, useLoaded, wordsOf } from "../shell/loading";
import type { SectionContext } from "./owner_page";
import { Problem, Section, Time } from "../shell/parts";

const PAGE_SIZE = 50;

const WORDS: Record<string, string> = {
  AddPolicyClip: "added the clip of",
  CreateLabeler: "invited",
  CreateRun: "made known",
  CreateWebhook: "made",
  DeleteWebhook: "deleted",
  ExportPreferences: "exported",
  ImportPreferences: "imported",
  ProposeQueries: "asked",
  RevokeToken: "revoked",
  RotateToken: "gave a new token to",
  SetGuidelines: "wrote guidelines for",
  SetLabelerWeight: "set the weight of",
  UpdateRun: "changed",
  WithdrawQueries: "withdrew",
};

interface AuditPage {
  entries?: AuditEntry[];
  nextPageToken?: string;
}

export function AuditSection({ run: { runId } }: SectionContext) {
  const [onlyRun, setOnlyRun] = useState(false);
  const [hasServices, setHasServices] = useState(false);
  const filter = { runId: onlyRun ? runId : "", isWithoutServices: !hasServices };
  const scope = `${filter.runId} ${hasServices}`;
  const first = useLoaded(`audit ${scope}`, () => readPage(filter, ""));
  const names = useLoaded("labelers", () => readAll<Labeler>("ListLabelers", "labelers"));
  const [older, setOlder] = useState<{ scope: string; pages: AuditPage[] }>({ scope, pages: [] });
  const [problem, setProblem] = useState("");
  const pages = [...(first.value ? [first.value] : []), ...(older.scope === scope ? older.pages : [])];
  const next = pages.at(-1)?.nextPageToken ?? "";
  const more = async () => {
    try {
      const page = await readPage(filter, next);
      setOlder({ scope, pages: [...pages.slice(1), page] });
      setProblem("");
    } catch (error) {
      setProblem(wordsOf(error));
    }
  };
  const nameOf = (id: string) => names.value?.find(({ labelerId }) => labelerId === id)?.name || id;
  const lead = "Every change by an owner, and every export. Rows are added, never changed.";
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
          Also what the run’s own services did
        </label>
      </div>
      {first.value && !first.value.entries?.length ? <p class="faint">Nothing so far.</p> : null}
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

function readPage(filter: { runId: string; isWithoutServices: boolean }, pageToken: string): Promise<AuditPage> {
  return call<AuditPage>("ListAuditLog", { ...filter, pageToken, pageSize: PAGE_SIZE });
}

function AuditTable({ entries, nameOf }: { entries: AuditEntry[]; nameOf: (id: string) => string }) {
  return (
    <div class="scroller" tabIndex={0} role="region" aria-label="Audit log">
      <table class="rows" id="audit-table">
        <thead>
          <tr>
            <th scope="col">When</th>
            <th scope="col">Who</th>
            <th scope="col">Did</th>
            <th scope="col">Whom or what</th>
            <th scope="col">How it is now</th>
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
              <td class="detail">{inWords(entry.detail)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Gives an entry's JSON as "name value, name value". */
function inWords(detail: string | undefined): string {
  if (!detail) return "";
  try {
    const value: unknown = JSON.parse(detail);
    if (typeof value !== "object" || value === null) return detail;
    return Object.entries(value)
      .map(([name, what]) => `${name.replaceAll("_", " ")} ${typeof what === "string" ? what : JSON.stringify(what)}`)
      .join(", ");
  } catch {
    return detail;
  }
}
