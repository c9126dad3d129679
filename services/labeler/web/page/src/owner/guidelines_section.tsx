// The guidelines: what is written, and beside it what labelers will see.

import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";

import { call, CallError } from "../connect/call";
import type { Guidelines } from "../connect/messages";
import { Markdown } from "../markdown/markdown";
import { useLoaded } from "../shell/loading";
import type { SectionContext } from "./owner_page";
import { Problem, Section, Time, useAction } from "../shell/parts";

// What was written and not yet saved, by run: another section must not lose it.
const drafts = signal<Record<string, string>>({});

export function GuidelinesSection({ run: { runId } }: SectionContext) {
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
      const reply = await call<{ version?: number }>("SetGuidelines", { runId, text });
      await guidelines.reload();
      const { [runId]: _, ...others } = drafts.value;
      drafts.value = others;
      return `Saved as version ${reply.version ?? 0}.`;
    });
  };
  const lead =
    "What labelers judge by, in Markdown. Each version opens before them once, and every answer is stored with the version it was given under.";
  return (
    <Section id="guidelines" title="Guidelines" lead={lead} loaded={guidelines}>
      <form class="editor" id="guidelines-form" onSubmit={onSubmit}>
        <div class="panes">
          <label class="pane">
            <span>Markdown</span>
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
              "There are none yet."
            )}
          </p>
        </div>
        {action.problem ? <Problem sentence={action.problem} /> : null}
      </form>
    </Section>
  );
}

async function readGuidelines(runId: string): Promise<Guidelines> {
  try {
    return await call<Guidelines>("GetGuidelines", { runId });
  } catch (error) {
    if (error instanceof CallError && error.code === "not_found") return {};
    throw error;
  }
}
