// Shown instead of a pair when the run is finished.

import type { Session } from "../../connect/session";
import * as screen from "../screen";
import { Prose } from "../../shell/prose";
import { ending } from "./ending";

/** Hosts that mean the run is on the labeler's own machine. */
const LOCAL_HOSTS: readonly string[] = ["localhost", "127.0.0.1", "[::1]"];

export function EndCard({ runId, session }: { runId: string; session: Session }) {
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
      {isFetching ? <p class="note">Fetching the video…</p> : null}
      <NextStep runId={runId} session={session} />
    </section>
  );
}

/** What the person who started the run can do next; labelers who were invited have no command line there. */
function NextStep({ runId, session }: { runId: string; session: Session }) {
  const isOwner = session.sessions.includes("owner");
  if (!isOwner && !LOCAL_HOSTS.includes(location.hostname)) return null;
  return (
    <p class="next" id="end-next">
      {isOwner ? (
        <a class="primary" href="/run">
          See the whole run
        </a>
      ) : null}
      <span>
        <Prose text={`Later, \`somersault open ${runId}\` shows it again.`} />
      </span>
    </p>
  );
}

function thanks(numOwn: number): string {
  if (!numOwn) return "No more answers are needed.";
  return `You gave ${numOwn} ${numOwn === 1 ? "answer" : "answers"}.`;
}

function SavedSentence({ runId }: { runId: string }) {
  const { numWaiting = 0, numRefused = 0, isUnreachable = false } = screen.saving.value ?? {};
  const which = numWaiting === 1 ? "1 answer is" : `${numWaiting} answers are`;
  if (numWaiting && isUnreachable) {
    return <Prose text={`${which} kept in this browser and will be sent when the run is opened again: \`somersault open ${runId}\`.`} />;
  }
  if (numWaiting) return <>{which} being saved…</>;
  if (numRefused) return <>{numRefused} came too late to count.</>;
  return screen.counts.value.numOwn ? <>All of them are saved.</> : null;
}

function isMotionReduced(): boolean {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
