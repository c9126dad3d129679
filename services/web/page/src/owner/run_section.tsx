// How a run asks: answers per query, one more on disagreement, gold.

import { useState } from "preact/hooks";

import { call } from "../connect/call";
import type { SectionContext } from "./section_context";
import { Problem, Section, Time, useAction } from "../shell/parts";

export function RunSection({ run, runs }: SectionContext) {
  return (
    <Section id="asking" title="Labeling settings" lead="They apply to questions asked from now on.">
      <dl class="facts">
        <div>
          <dt>Task</dt>
          <dd>{run.task || "–"}</dd>
        </div>
        <div>
          <dt>Question</dt>
          <dd>
            {run.question || "–"} <a href="#guidelines">Edit</a>
          </dd>
        </div>
        <div>
          <dt>Registered</dt>
          <dd>
            <Time at={run.createTime} />
          </dd>
        </div>
      </dl>
      <AskingForm run={run} reload={runs.reload} />
    </Section>
  );
}

function AskingForm({ run, reload }: { run: SectionContext["run"]; reload: () => Promise<void> }) {
  const [targetAnswers, setTargetAnswers] = useState(String(run.targetAnswers ?? 1));
  const [asksAgain, setAsksAgain] = useState(run.asksAgainOnDisagreement ?? false);
  const [goldInterval, setGoldInterval] = useState(String(run.goldInterval ?? 0));
  const action = useAction();
  const onSubmit = (event: Event) => {
    event.preventDefault();
    void action.run(async () => {
      await call("UpdateRun", {
        runId: run.runId,
        targetAnswers: Number(targetAnswers),
        asksAgainOnDisagreement: asksAgain,
        goldInterval: Number(goldInterval),
      });
      await reload();
      return "Saved. It applies to questions asked from now on.";
    });
  };
  return (
    <form class="panel" id="asking-form" onSubmit={onSubmit}>
      <div class="field">
        <label for="target-answers">Answers per question</label>
        <input
          id="target-answers"
          type="number"
          min={1}
          max={10}
          required
          value={targetAnswers}
          onInput={(event) => setTargetAnswers(event.currentTarget.value)}
        />
        <p>How many people answer each question, without seeing each other’s answers: 1 to 10. Two or more measure agreement.</p>
      </div>
      <div class="field">
        <label class="check" for="asks-again">
          <input
            id="asks-again"
            type="checkbox"
            checked={asksAgain}
            onChange={(event) => setAsksAgain(event.currentTarget.checked)}
          />
          Ask for one more when answers disagree
        </label>
        <p>At most once per question.</p>
      </div>
      <div class="field">
        <label for="gold-interval">Gold interval</label>
        <input
          id="gold-interval"
          type="number"
          min={0}
          max={1000}
          required
          value={goldInterval}
          onInput={(event) => setGoldInterval(event.currentTarget.value)}
        />
        <p>One pair in this many is gold: its answer is known. It looks like any other, measures the labeler and is never trained on. 0 for none.</p>
      </div>
      <div class="actions">
        <button type="submit" class="primary" disabled={action.isBusy}>
          Save
        </button>
        <p role="status">{action.done}</p>
      </div>
      {action.problem ? <Problem sentence={action.problem} /> : null}
    </form>
  );
}
