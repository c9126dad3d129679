// All answers as a file.

import { call } from "../connect/call";
import { num, type Stats } from "../connect/messages";
import { useLoaded } from "../shell/loading";
import type { SectionContext } from "./section_context";
import { Problem, Section } from "../shell/parts";

const FORMATS = [
  { extension: "jsonl", name: "JSON lines", use: "One JSON object a line: for scripts, and for other tools." },
  { extension: "parquet", name: "Parquet", use: "Columns with types: for pandas, Polars, DuckDB." },
] as const;

export function ExportSection({ run: { runId } }: SectionContext) {
  const stats = useLoaded(runId, () => call("GetStats", { runId }));
  const lead =
    "The whole preference log: every answer with all its versions, gold and extras, and every change of weight.";
  return (
    <Section id="export" title="Export" lead={lead}>
      <ul class="downloads">
        {FORMATS.map(({ extension, name, use }) => (
          <li key={extension} class="panel">
            <div>
              <h3>{name}</h3>
              <p>{use}</p>
            </div>
            <a class="primary" href={`/export/${encodeURIComponent(runId)}.${extension}`} download>
              Download {runId}.{extension}
            </a>
          </li>
        ))}
      </ul>
      <p class="faint">Both hold the same rows and can be imported again. Clips are kept apart, in object storage.</p>
      {/* Last, so that no link moves away from the pointer when they arrive. */}
      {stats.value ? <AnswerFigures stats={stats.value} /> : null}
      {stats.problem ? <Problem sentence={stats.problem} /> : null}
    </Section>
  );
}

function AnswerFigures({ stats }: { stats: Stats }) {
  const figures = [
    ["questions answered", stats.numAnswered],
    ["left", stats.numLeft],
    ["right", stats.numRight],
    ["equal", stats.numEqual],
    ["can’t compare", stats.numIncomparable],
  ] as const;
  return (
    <dl class="figures-row">
      {figures.map(([name, count]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{num(count)}</dd>
        </div>
      ))}
    </dl>
  );
}
