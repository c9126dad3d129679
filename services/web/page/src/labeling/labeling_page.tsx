// The labeling page: the question, the pair, the answers.

import { useEffect, useRef, useState } from "preact/hooks";

import { onOtherLabeler } from "../connect/identity";
import type { Session } from "../connect/session";
import { Actions } from "./actions";
import { OwnAnswersDialog } from "./answers/own_answers_dialog";
import { Answers, Tools } from "./controls";
import { GuidelinesDialog, Help } from "./dialogs";
import { EmptyCard } from "./run/empty_card";
import { EndCard } from "./run/end_card";
import { ending } from "./run/ending";
import { listen } from "./keys";
import { Labeling } from "./labeling";
import { Line } from "./line";
import { Outbox } from "./answers/outbox";
import { PlayerBar } from "./pairs/player_bar";
import { RevealCard } from "./reveal/reveal_card";
import * as screen from "./screen";
import { GoalDialog } from "./session/goal_dialog";
import { Stage, type StageElements } from "./pairs/stage";

import "./labeling.css";
import "./asides.css";
import "./windows.css";

export { Bar } from "./bar";

export function Page({ session }: { session: Session }) {
  const [labeling, setLabeling] = useState<Labeling | null>(null);
  const left = useRef<HTMLDivElement>(null);
  const right = useRef<HTMLDivElement>(null);
  const slider = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (!left.current || !right.current || !slider.current) return;
    const elements = { frames: { left: left.current, right: right.current }, slider: slider.current };
    void start(session, elements).then(setLabeling);
  }, []);
  const isOver = ending.value !== null;
  return (
    <section id="labeling" aria-labelledby="question">
      <h1 id="question">{screen.question}</h1>
      <EndCard runId={screen.runId.value} session={session} />
      <div class="work" hidden={isOver}>
        <div class="line">
          <Line />
        </div>
        <div class="pair" id="pair" hidden={!screen.isPairThere.value}>
          <figure class="side left">
            <div class="frame" id="frame-left" ref={left} data-clip="left" />
            <figcaption>Left</figcaption>
          </figure>
          <figure class="side right">
            <div class="frame" id="frame-right" ref={right} data-clip="right" />
            <figcaption>Right</figcaption>
          </figure>
          <PlayerBar slider={slider} />
        </div>
        <EmptyCard />
        <Answers />
        <Tools />
        <RevealCard />
      </div>
      <p class="unseen" id="live" role="status" aria-live="polite">
        {screen.announcement}
      </p>
      <Help />
      <GuidelinesDialog />
      <GoalDialog />
      <OwnAnswersDialog
        runId={screen.runId.value}
        onChange={(answer, preference) => labeling?.change(answer, preference)}
      />
    </section>
  );
}

async function start(session: Session, elements: StageElements): Promise<Labeling> {
  // This labeler's waiting answers stay in the browser until they log in again.
  onOtherLabeler(session.labelerId, () => location.reload());
  const outbox = await Outbox.open(session.labelerId);
  const stage = new Stage(elements);
  const labeling = new Labeling(session, outbox, stage);
  const actions = new Actions(labeling, stage);
  // Before the first pair is shown, so that no key press is lost.
  listen((action, time) => actions.act(action, time));
  void labeling.start();
  return labeling;
}
