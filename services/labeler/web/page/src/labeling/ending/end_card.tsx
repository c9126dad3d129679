// What stands in the pair's place when the run is finished.

import * as screen from "../screen";
import { Prose } from "../prose";
import { ending } from "./ending";

export function EndCard({ runId }: { runId: string }) {
  if (!ending.value) return null;
  const { result, videoUrl, isFetching } = ending.value;
  const { numOwn } = screen.counts.value;
  return (
    <section class="card end" id="end" aria-labelledby="end-title">
      <h2 id="end-title">{numOwn ? "Thank you. The run is finished." : "The run is finished."}</h2>
      <p id="end-thanks" role="status">
        {thanks(numOwn)} <SavedSentence runId={runId} />
      </p>
      {result.headline ? <p id="end-headline">{result.headline}</p> : null}
      {videoUrl ? (
        <figure>
          <video id="end-video" src={videoUrl} autoplay={!isMotionReduced()} loop muted playsInline controls />
          <figcaption>What the agent does now</figcaption>
        </figure>
      ) : null}
      {isFetching ? <p class="note">Fetching its video…</p> : null}
    </section>
  );
}

function thanks(numOwn: number): string {
  if (!numOwn) return "No more answers are wanted.";
  return `You gave ${numOwn} ${numOwn === 1 ? "answer" : "answers"} to it.`;
}

function SavedSentence({ runId }: { runId: string }) {
  const { numWaiting = 0, numRefused = 0, isUnreachable = false } = screen.saving.value ?? {};
  const which = numWaiting === 1 ? "1 answer is" : `${numWaiting} answers are`;
  if (numWaiting && isUnreachable) {
    return <Prose text={`${which} kept in this browser and sent when the run is opened again: \`somersault open ${runId}\`.`} />;
  }
  if (numWaiting) return <>{which} being saved…</>;
  if (numRefused) return <>{numRefused} came too late to be taken.</>;
  return screen.counts.value.numOwn ? <>All of them are saved.</> : null;
}

function isMotionReduced(): boolean {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
