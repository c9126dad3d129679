// The outcome of a run that has ended, and what to do next.

import { useState } from "preact/hooks";

import { num } from "../../connect/messages";
import { copied } from "../../shell/copied";
import { Time } from "../../shell/parts";
import { figure, plural, short } from "../../shell/words";
import type { RunResult, RunState } from "../../connect/messages";

interface EndingProps {
  state: RunState | undefined;
  runId: string;
  task: string;
  result: RunResult | undefined;
}

export function Ending({ state, runId, task, result }: EndingProps) {
  if (state === "RUN_STATE_FINISHED") return <Finished runId={runId} result={result} />;
  if (state !== "RUN_STATE_STOPPED") return null;
  return (
    <section class="panel ending" aria-labelledby="ending-title">
      <h2 id="ending-title">Stopped early</h2>
      <p>Nothing is lost: it resumes from its newest checkpoint, with every answer given by then.</p>
      <Command name="To resume" command={`somersault train ${task || "TASK"} --run-dir runs/${runId} --resume`} />
      <Command name="To view it later" command={`somersault open ${runId}`} />
    </section>
  );
}

function Finished({ runId, result }: { runId: string; result: RunResult | undefined }) {
  const facts = [
    ["steps", short(num(result?.envSteps))],
    ["labels used", String(num(result?.numLabels))],
    ["true return", result?.trueReturnMean === undefined ? "–" : figure(result.trueReturnMean)],
  ] as const;
  return (
    <section class="panel ending" aria-labelledby="ending-title">
      <h2 id="ending-title">{result?.headline || "The policy has been learned"}</h2>
      <p>
        Finished <Time at={result?.finishTime} /> after {plural(num(result?.numLabels), "label")}.
      </p>
      <dl class="figures-row">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <Command name="To open these pages later" command={`somersault open ${runId}`} />
    </section>
  );
}

/** A command line with a button that copies it. */
export function Command({ name, command }: { name: string; command: string }) {
  const [isCopied, setCopied] = useState(false);
  return (
    <p class="command">
      {name ? <span>{name}</span> : null}
      <code>{command}</code>
      <button type="button" class="small" onClick={() => void copied(command).then(setCopied)}>
        {isCopied ? "Copied" : "Copy"}
      </button>
    </p>
  );
}
