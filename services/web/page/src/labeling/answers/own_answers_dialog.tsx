// A dialog with the labeler's answers so far.

import { useEffect, useRef, useState } from "preact/hooks";

import { fetchBlob } from "../../connect/call";
import type { OwnAnswer } from "../../connect/messages";
import { Dialog } from "../../shell/dialog";
import { PREFERENCES, preferenceOf, type Preference, type Side } from "../pairs/pair";
import * as screen from "../screen";
import { answers, isLoading, isOpen, nextPage, problem, readNext } from "./own_answers";

const CHOICES: readonly { preference: Preference; words: string }[] = [
  { preference: "left", words: "Left" },
  { preference: "equal", words: "Equal" },
  { preference: "incomparable", words: "Can’t compare" },
  { preference: "right", words: "Right" },
];

interface OwnAnswersProps {
  runId: string;
  /** Sends a change. */
  onChange: (answer: OwnAnswer, preference: Preference) => void;
}

export function OwnAnswersDialog({ runId, onChange }: OwnAnswersProps) {
  return (
    <Dialog id="own-answers" isOpen={isOpen} title="Your answers so far">
      {isOpen.value ? (
        <ol class="own-answers">
          {answers.value.map((answer) => (
            <OwnAnswerItem key={answer.answerId} answer={answer} onChange={onChange} />
          ))}
        </ol>
      ) : null}
      <p class="note" role="status">
        {problem.value || (isLoading.value ? "Loading…" : answers.value.length ? "" : "No answers yet.")}
      </p>
      <form method="dialog" class="buttons">
        {nextPage.value ? (
          <button type="button" class="quiet" id="more-answers" onClick={() => void readNext(runId)}>
            Show earlier answers
          </button>
        ) : null}
        <button class="primary" value="close" autofocus>
          Close <kbd>Esc</kbd>
        </button>
      </form>
    </Dialog>
  );
}

interface ItemProps {
  answer: OwnAnswer;
  onChange: OwnAnswersProps["onChange"];
}

function OwnAnswerItem({ answer, onChange }: ItemProps) {
  const item = useRef<HTMLLIElement>(null);
  const chosen = preferenceOf(answer.preference);
  const play = (mustPlay: boolean) => {
    for (const video of item.current?.querySelectorAll("video") ?? []) {
      if (mustPlay) void video.play().catch(() => {});
      else video.pause();
    }
  };
  return (
    <li
      ref={item}
      data-answer={answer.answerId}
      onPointerEnter={() => play(true)}
      onPointerLeave={() => play(false)}
      onFocusCapture={() => play(true)}
      onBlurCapture={() => play(false)}
    >
      <div class="thumbnails">
        <Thumbnail path={answer.query.left?.clipUrl} side="left" isChosen={chosen === "left"} />
        <Thumbnail path={answer.query.right?.clipUrl} side="right" isChosen={chosen === "right"} />
      </div>
      <div class="own-answer">
        <p>
          {sentenceCase(screen.WORDS[chosen])}
          {answer.answerTime ? <time dateTime={answer.answerTime}> · {timeOf(answer.answerTime)}</time> : null}
        </p>
        {answer.isRevisable ? (
          <div class="choices" role="group" aria-label="Change this answer">
            {CHOICES.map(({ preference, words }) => (
              <button
                key={preference}
                type="button"
                aria-pressed={preference === chosen}
                data-choice={PREFERENCES[preference]}
                onClick={() => preference !== chosen && onChange(answer, preference)}
              >
                {words}
              </button>
            ))}
          </div>
        ) : (
          <p class="note">Too old to change.</p>
        )}
      </div>
    </li>
  );
}

function Thumbnail({ path, side, isChosen }: { path: string | undefined; side: Side; isChosen: boolean }) {
  const [url, setUrl] = useState<string>();
  useEffect(() => {
    if (!path) return;
    const gone = new AbortController();
    let made: string | undefined;
    fetchBlob(path, { signal: gone.signal }).then(
      (clip) => {
        if (gone.signal.aborted) return;
        made = URL.createObjectURL(clip);
        setUrl(made);
      },
      // The frame stays empty; the answer itself can still be changed.
      () => {},
    );
    return () => {
      gone.abort();
      if (made) URL.revokeObjectURL(made);
    };
  }, [path]);
  return (
    <video
      class={`${side}${isChosen ? " chosen" : ""}`}
      src={url}
      aria-label={`${sentenceCase(side)} clip`}
      muted
      loop
      playsInline
      preload="auto"
    />
  );
}

function sentenceCase(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function timeOf(answerTime: string): string {
  return new Date(answerTime).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}
