// The labeling page: the question, the pair, the answers.

import { useEffect, useRef } from "preact/hooks";

import { onOther } from "../connect/identity";
import type { Session } from "../connect/session";
import { Answers, Tools } from "./controls";
import { GuidelinesDialog, Help } from "./dialogs";
import { EmptyCard } from "./empty_card";
import { listen } from "./keys";
import { Labeling } from "./labeling";
import * as screen from "./screen";
import type { StageElements } from "./stage";

import "./labeling.css";

export { Bar } from "./bar";

export function Page({ session }: { session: Session }) {
  const left = useRef<HTMLDivElement>(null);
  const right = useRef<HTMLDivElement>(null);
  const progress = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!left.current || !right.current || !progress.current) return;
    void start(session, { frames: { left: left.current, right: right.current }, progress: progress.current });
  }, []);
  return (
    <section id="labeling" aria-labelledby="question">
      <h1 id="question">{screen.question}</h1>
      <div class="line">
        <Line />
      </div>
      <div class="pair" id="pair" hidden={!screen.isPairThere.value}>
        <figure class="side left">
          <div class="frame" id="frame-left" ref={left} data-tap="left" />
          <figcaption>Left</figcaption>
        </figure>
        <figure class="side right">
          <div class="frame" id="frame-right" ref={right} data-tap="right" />
          <figcaption>Right</figcaption>
        </figure>
        <div class="progress" aria-hidden="true">
          <div id="progress" ref={progress} />
        </div>
      </div>
      <EmptyCard />
      <Answers />
      <Tools />
      <p class="unseen" id="live" role="status" aria-live="polite">
        {screen.announcement}
      </p>
      <Help />
      <GuidelinesDialog />
    </section>
  );
}

/** Either what happened last, or which answer is being changed. */
function Line() {
  const preference = screen.revising.value;
  return (
    <>
      <p class="note" id="note" hidden={preference !== null}>
        {screen.note}
      </p>
      <p class="revising" id="revising" hidden={preference === null}>
        <span id="revising-text">
          {preference ? `You answered: ${screen.WORDS[preference]}. Answer again to change it.` : ""}
        </span>
        <button type="button" class="quiet" data-action="keep">
          Keep it <kbd>Esc</kbd>
        </button>
      </p>
    </>
  );
}

async function start(session: Session, elements: StageElements): Promise<void> {
  // Answers of this labeler that wait stay in the browser until the same one logs in again.
  onOther(session.labelerId, () => location.reload());
  const labeling = await Labeling.open(session, elements);
  // Before the first pair is shown, so that no key pressed for it is lost.
  listen((action, time) => labeling.act(action, time));
  addEventListener("pointermove", () => labeling.see(), { passive: true });
  await labeling.start();
}
