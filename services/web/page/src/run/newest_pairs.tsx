// The newest rendered pairs, with the reward predicted for each moment.

import { useSignal } from "@preact/signals";

import { ClipCard } from "../clips/clip_card";
import { wantsMotion } from "../clips/clip_hooks";
import { predictionOf } from "../clips/prediction";
import { num } from "../connect/messages";
import { answersBehind } from "./estimates";
import type { ClippedQuery, ProgressPoint } from "../connect/messages";

interface NewestPairsProps {
  runId: string;
  clips: ClippedQuery[] | null;
  points: ProgressPoint[];
  /** Shown while there are none. */
  awaited: string;
}

export function NewestPairs({ runId, clips, points, awaited }: NewestPairsProps) {
  const isPlaying = useSignal(wantsMotion());
  const reach = Math.max(0, ...(clips ?? []).map((clipped) => predictionOf(clipped)?.reach ?? 0));
  return (
    <section class="panel" aria-labelledby="clips-title">
      <header>
        <h2 id="clips-title">Newest pairs</h2>
        <div class="chart-tools">
          <a href={`/owner?run=${encodeURIComponent(runId)}#answers`}>All answers</a>
          {clips?.length ? (
            <button type="button" id="clips-play" class="quiet" onClick={() => (isPlaying.value = !isPlaying.value)}>
              {isPlaying.value ? "Stop all" : "Play all"}
            </button>
          ) : null}
        </div>
      </header>
      {clips?.length ? (
        <>
          <p class="legend">
            Bar and line: predicted reward when the pair was asked. <b class="up">Up</b> is better than the pair’s mean,{" "}
            <b class="down">down</b> is worse; all cards share one scale.
          </p>
          <ul class="clip-cards">
            {clips.map((clipped) => (
              <ClipCard
                key={clipped.query.queryId}
                clipped={clipped}
                reach={reach}
                isPlaying={isPlaying}
                numAnswers={answersBehind(num(clipped.rewardVersion), points)}
              />
            ))}
          </ul>
        </>
      ) : (
        <p class="awaited">{awaited}</p>
      )}
    </section>
  );
}
