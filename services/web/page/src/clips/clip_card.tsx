// One pair as it was shown: both clips in step, the reward predicted for each moment, and the answers.

import type { Signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

import { keepInStep } from "./video";
import { num, type ClippedQuery, type PreferenceName, type Side } from "../connect/messages";
import { useClip, useIsSeen, useWasSeen } from "./clip_hooks";
import { isRight, predictedWords, predictionOf } from "./prediction";
import { RewardBar, RewardLine, showMoment } from "./reward_line";

import "./clips.css";

export const ANSWERS: Record<PreferenceName, string> = {
  PREFERENCE_LEFT: "left",
  PREFERENCE_RIGHT: "right",
  PREFERENCE_EQUAL: "equal",
  PREFERENCE_INCOMPARABLE: "can’t compare",
};

interface ClipCardProps {
  clipped: ClippedQuery;
  /** The predicted reward that fills a bar, the same on all cards. */
  reach: number;
  isPlaying: Signal<boolean>;
  /** At most how many answers the model had learned from when it predicted; null if unknown. */
  numAnswers: number | null;
}

export function ClipCard({ clipped, reach, isPlaying, numAnswers }: ClipCardProps) {
  const { query } = clipped;
  const prediction = predictionOf(clipped);
  const card = useRef<HTMLLIElement>(null);
  const wasSeen = useWasSeen(card);
  const sides = { left: useSide(wasSeen ? query.left : undefined), right: useSide(wasSeen ? query.right : undefined) };
  const slider = useRef<HTMLInputElement>(null);
  const isSeen = useIsSeen(card);
  const mustPlay = isPlaying.value && isSeen;

  const show = () => {
    const video = sides.left.video.current;
    const moment = video?.duration ? Math.min(1, video.currentTime / video.duration) : 0;
    if (slider.current) slider.current.valueAsNumber = moment;
    if (!prediction) return;
    for (const name of ["left", "right"] as const) {
      const { cursor, bar } = sides[name];
      showMoment(moment, { rewards: prediction[name], reach }, cursor.current, bar.current);
    }
  };

  useEffect(() => {
    const left = sides.left.video.current;
    const right = sides.right.video.current;
    if (!left || !right) return;
    show();
    if (!mustPlay) {
      left.pause();
      right.pause();
      return;
    }
    void left.play().catch(() => {});
    void right.play().catch(() => {});
    let frame = 0;
    const follow = () => {
      keepInStep(left, right, 1);
      show();
      frame = requestAnimationFrame(follow);
    };
    follow();
    return () => cancelAnimationFrame(frame);
  }, [mustPlay, sides.left.url, sides.right.url, reach]);

  const seek = (event: Event) => {
    isPlaying.value = false;
    const moment = (event.currentTarget as HTMLInputElement).valueAsNumber;
    for (const { video } of Object.values(sides)) {
      if (video.current?.duration) video.current.currentTime = moment * video.current.duration;
    }
  };

  return (
    <li class="clip-card" ref={card} data-query={query.queryId}>
      <p class="answered">
        <Answers clipped={clipped} isRightAnswer={isRight(prediction, clipped.answers?.at(-1)?.preference, numAnswers)} />
        <span class="predicted-words">
          {prediction ? predictedWords(prediction, numAnswers) : "asked before the model had learned anything"}
          {prediction ? <small> by version {num(clipped.rewardVersion)}</small> : null}
        </span>
      </p>
      <div class="clip-pair">
        {(["left", "right"] as const).map((name) => (
          <div key={name} class={`clip-side ${name}`} data-preferred={isPreferred(clipped, name) ? "yes" : undefined}>
            <div class="picture">
              <video
                ref={sides[name].video}
                src={sides[name].url ?? undefined}
                muted
                loop
                playsInline
                preload="auto"
                onLoadedMetadata={show}
                onSeeked={show}
                aria-label={`the ${name} clip`}
              />
              {prediction ? <RewardBar bar={sides[name].bar} /> : null}
              {sides[name].problem ? <p class="clip-problem">{sides[name].problem}</p> : null}
            </div>
            {prediction ? <RewardLine rewards={prediction[name]} reach={reach} cursor={sides[name].cursor} /> : null}
          </div>
        ))}
      </div>
      <input
        ref={slider}
        class="moment-slider"
        type="range"
        min="0"
        max="1"
        step="0.01"
        defaultValue="0"
        aria-label="Moment in both clips"
        onInput={seek}
      />
    </li>
  );
}

function Answers({ clipped, isRightAnswer }: { clipped: ClippedQuery; isRightAnswer: boolean | null }) {
  const answers = clipped.answers ?? [];
  if (answers.length === 0) return <span class="no-answer">{stateWords(clipped.query.state)}</span>;
  return (
    <span>
      {answers.map(({ labelerId, name, preference }, index) => (
        <span key={labelerId}>
          {index ? "; " : ""}
          {name || labelerId}: <b>{ANSWERS[preference]}</b>
        </span>
      ))}
      {isRightAnswer === null ? null : (
        <span class={isRightAnswer ? "as-predicted" : "not-predicted"}>
          {isRightAnswer ? " ✓ as predicted" : " ✗ not as predicted"}
        </span>
      )}
    </span>
  );
}

function stateWords(state: string | undefined): string {
  return state === "QUERY_STATE_WITHDRAWN" ? "withdrawn unanswered" : "not answered yet";
}

function isPreferred({ answers }: ClippedQuery, side: "left" | "right"): boolean {
  const newest = answers?.at(-1)?.preference;
  return newest === (side === "left" ? "PREFERENCE_LEFT" : "PREFERENCE_RIGHT");
}

/** A clip, and the places on the screen where it and its prediction are shown. */
function useSide(side: Side | undefined) {
  return {
    ...useClip(side?.clipUrl ?? null),
    video: useRef<HTMLVideoElement>(null),
    cursor: useRef<SVGLineElement>(null),
    bar: useRef<HTMLDivElement>(null),
  };
}
