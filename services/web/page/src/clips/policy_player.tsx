// One clip of a policy, with the reward predicted for each of its moments.

import type { Signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

import type { PolicyClip } from "../connect/messages";
import { figure } from "../shell/words";
import { useClip, useIsSeen, useWasSeen } from "./clip_hooks";
import { centredRewards } from "./prediction";
import { RewardLine, showMoment } from "./reward_line";

interface PolicyPlayerProps {
  clip: PolicyClip;
  name: string;
  /** The predicted reward that reaches the top, the same in all players. */
  reach: number;
  isPlaying: Signal<boolean>;
}

export function PolicyPlayer({ clip, name, reach, isPlaying }: PolicyPlayerProps) {
  const frame = useRef<HTMLElement>(null);
  const video = useRef<HTMLVideoElement>(null);
  const cursor = useRef<SVGLineElement>(null);
  const slider = useRef<HTMLInputElement>(null);
  const isSeen = useIsSeen(frame);
  const { url, problem } = useClip(useWasSeen(frame) ? (clip.clipUrl ?? null) : null);
  const centred = centredRewards(clip.predictedRewards);
  const mustPlay = isPlaying.value && isSeen;

  const show = () => {
    const shown = video.current;
    const moment = shown?.duration ? Math.min(1, shown.currentTime / shown.duration) : 0;
    if (slider.current) slider.current.valueAsNumber = moment;
    if (centred) showMoment(moment, { rewards: centred.rewards, reach }, cursor.current, null);
  };
  useEffect(() => {
    show();
    if (!mustPlay || !url) return video.current?.pause();
    void video.current?.play().catch(() => {});
    let next = 0;
    const follow = () => {
      show();
      next = requestAnimationFrame(follow);
    };
    follow();
    return () => cancelAnimationFrame(next);
  }, [mustPlay, url, reach]);
  const seek = (event: Event) => {
    isPlaying.value = false;
    const moment = (event.currentTarget as HTMLInputElement).valueAsNumber;
    if (video.current?.duration) video.current.currentTime = moment * video.current.duration;
  };
  return (
    <figure class="policy-player" ref={frame}>
      <figcaption>
        <b>{name}</b>
        {clip.trueReturn === undefined ? null : <small> true return {figure(clip.trueReturn)}</small>}
      </figcaption>
      <div class="picture">
        <video
          ref={video}
          src={url ?? undefined}
          muted
          loop
          playsInline
          preload="auto"
          onLoadedMetadata={show}
          onSeeked={show}
          aria-label={`the agent: ${name}`}
        />
        {problem ? <p class="clip-problem">{problem}</p> : null}
      </div>
      {centred ? <RewardLine rewards={centred.rewards} reach={reach} cursor={cursor} /> : null}
      <input
        ref={slider}
        class="moment-slider"
        type="range"
        min="0"
        max="1"
        step="0.01"
        defaultValue="0"
        aria-label={`Moment: ${name}`}
        onInput={seek}
      />
    </figure>
  );
}
