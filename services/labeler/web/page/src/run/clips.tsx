// The newest pairs that were drawn, with what the reward model makes of each moment.

import { useSignal } from "@preact/signals";

import { ClipCard } from "./clip_card";
import type { ClippedQuery } from "./messages";
import { predictionOf } from "./prediction";

interface ClipsProps {
  clips: ClippedQuery[] | null;
  /** What is waited for while there are none. */
  awaited: string;
}

export function Clips({ clips, awaited }: ClipsProps) {
  const isPlaying = useSignal(!matchMedia("(prefers-reduced-motion: reduce)").matches);
  const reach = Math.max(0, ...(clips ?? []).map((clipped) => predictionOf(clipped)?.reach ?? 0));
  return (
    <section class="panel" aria-labelledby="clips-title">
      <header>
        <h2 id="clips-title">Newest clips</h2>
        {clips?.length ? (
          <button type="button" id="clips-play" class="quiet" onClick={() => (isPlaying.value = !isPlaying.value)}>
            {isPlaying.value ? "Stop all" : "Play all"}
          </button>
        ) : null}
      </header>
      {clips?.length ? (
        <>
          <p class="legend">
            Bar and line: predicted reward when the pair was asked. <b class="up">Up</b> is better than the pair’s mean,{" "}
            <b class="down">down</b> is worse; all cards have one scale.
          </p>
          <ul class="clip-cards">
            {clips.map((clipped) => (
              <ClipCard key={clipped.query.queryId} clipped={clipped} reach={reach} isPlaying={isPlaying} />
            ))}
          </ul>
        </>
      ) : (
        <p class="awaited">{awaited}</p>
      )}
    </section>
  );
}
