// What labelers judge by: the question, and the guidelines beside what labelers will see of them.

import { signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";

import { call, CallError } from "../connect/call";
import type { Guidelines } from "../connect/messages";
import { Markdown } from "../shell/markdown";
import { useLoaded } from "../shell/loading";
import type { SectionContext } from "./section_context";
import { Problem, Section, Time, useAction } from "../shell/parts";

const MAX_QUESTION_LENGTH = 2000;

// Unsaved text by run, kept while another section is shown.
const drafts = signal<Record<string, string>>({});

export function GuidelinesSection({ run, runs }: SectionContext) {
  const { runId } = run;
  const guidelines = useLoaded(runId, () => readGuidelines(runId));
  const action = useAction();
  const { text: saved = "", version = 0, createTime } = guidelines.value ?? {};
  const text = drafts.value[runId] ?? saved;
  const isChanged = text !== saved;
  useEffect(() => {
    const warn = (event: BeforeUnloadEvent) => {
      if (isChanged) event.preventDefault();
    };
    addEventListener("beforeunload", warn);
    return () => removeEventListener("beforeunload", warn);
  }, [isChanged]);
  const onSubmit = (event: Event) => {
    event.preventDefault();
    void action.run(async () => {
      const reply = await call("SetGuidelines", { runId, text });
      await guidelines.reload();
      const { [runId]: _, ...others } = drafts.value;
      drafts.value = others;
      return `Saved as version ${reply.version ?? 0}.`;
    });
  };
  const lead =
    "What labelers judge by: one question, and guidelines in Markdown. Each version opens once for each labeler, and every answer is stored with the version it was given under.";
  return (
    <Section id="guidelines" title="Question and guidelines" lead={lead} loaded={guidelines}>
      <QuestionForm run={run} runs={runs} />
      <form class="editor" id="guidelines-form" onSubmit={onSubmit}>
        <div class="panes">
          <label class="pane">
            <span>Guidelines, in Markdown</span>
            <textarea
              id="guidelines-text"
              required
              maxLength={20_000}
              spellcheck
              value={text}
              onInput={(event) => (drafts.value = { ...drafts.value, [runId]: event.currentTarget.value })}
            />
          </label>
          <div class="pane" role="group" aria-label="Preview">
            <span>What labelers see</span>
            <div class="preview" id="guidelines-preview">
              <Markdown text={text} />
            </div>
          </div>
        </div>
        <div class="actions">
          <button type="submit" class="primary" disabled={action.isBusy || !isChanged}>
            Save as version {version + 1}
          </button>
          <p role="status">{action.done}</p>
          <p class="faint">
            {version ? (
              <>
                Version {version}, <Time at={createTime} />
              </>
            ) : (
              "None yet."
            )}
          </p>
        </div>
        {action.problem ? <Problem sentence={action.problem} /> : null}
      </form>
    </Section>
  );
}

function QuestionForm({ run, runs }: Pick<SectionContext, "run" | "runs">) {
  const saved = run.question ?? "";
  const [text, setText] = useState(saved);
  const action = useAction();
  const onSubmit = (event: Event) => {
    event.preventDefault();
    void action.run(async () => {
      await call("UpdateRun", { runId: run.runId, question: text.trim() });
      await runs.reload();
      return "Saved. Everyone sees it from the next pair on.";
    });
  };
  return (
    <form class="panel" id="question-form" onSubmit={onSubmit}>
      <div class="field">
        <label for="question-text">Question</label>
        <textarea
          id="question-text"
          rows={2}
          required
          maxLength={MAX_QUESTION_LENGTH}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <p>One sentence above each pair. Answers to the previous question are kept.</p>
      </div>
      <div class="actions">
        <button type="submit" class="primary" disabled={action.isBusy || text.trim() === saved}>
          Save the question
        </button>
        <p role="status">{action.done}</p>
      </div>
      {action.problem ? <Problem sentence={action.problem} /> : null}
    </form>
  );
}

async function readGuidelines(runId: string): Promise<Guidelines> {
  try {
    return await call("GetGuidelines", { runId });
  } catch (error) {
    if (error instanceof CallError && error.code === "not_found") return {};
    throw error;
  }
}
