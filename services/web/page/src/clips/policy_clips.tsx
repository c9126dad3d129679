// What the policy does, over the run: a filmstrip of its clips, and two of them side by side.

import { useSignal } from "@preact/signals";
import { useState } from "preact/hooks";

import { num } from "../connect/messages";
import type { PolicyClip } from "../connect/messages";
import { short } from "../shell/words";
import { wantsMotion } from "./clip_hooks";
import { PolicyPlayer } from "./policy_player";
import { PolicyThumb } from "./policy_thumb";
import { centredRewards } from "./prediction";

import "./clips.css";

interface PolicyClipsProps {
  /** Oldest first. */
  clips: PolicyClip[] | null;
  isFinished: boolean;
}

export function PolicyClips({ clips, isFinished }: PolicyClipsProps) {
  const isPlaying = useSignal(wantsMotion());
  const [chosen, choose] = useState<string | null>(null);
  const newest = clips?.at(-1);
  const compared = clips?.find(({ policyVersion }) => versionOf(policyVersion) === chosen) ?? clips?.[0];
  const hasTwo = compared !== undefined && compared !== newest;
  const reach = Math.max(0, ...(clips ?? []).map((clip) => centredRewards(clip.predictedRewards)?.reach ?? 0));
  const hasRewards = clips?.some((clip) => clip.predictedRewards?.length) ?? false;
  return (
    <section class="panel" id="policy" aria-labelledby="policy-title">
      <header>
        <h2 id="policy-title">{isFinished ? "What the agent learned" : "What the agent does"}</h2>
        {newest ? (
          <button type="button" id="policy-play" class="quiet" onClick={() => (isPlaying.value = !isPlaying.value)}>
            {isPlaying.value ? "Stop" : "Play"}
          </button>
        ) : null}
      </header>
      {newest ? (
        <>
          <div class="policy">
            <div class={hasTwo ? "policy-pair" : "policy-pair single"}>
              {hasTwo ? (
                <PolicyPlayer clip={compared} name={titleOf(compared, clips ?? [])} reach={reach} isPlaying={isPlaying} />
              ) : null}
              <PolicyPlayer clip={newest} name={titleOf(newest, clips ?? [])} reach={reach} isPlaying={isPlaying} />
            </div>
            {clips && clips.length > 2 ? (
              <Filmstrip clips={clips} compared={versionOf(compared?.policyVersion)} choose={choose} />
            ) : null}
          </div>
          {hasRewards ? (
            <p class="legend">
              Line: the reward predicted for each moment. <b class="up">Up</b> is better than the clip’s mean,{" "}
              <b class="down">down</b> is worse.
            </p>
          ) : null}
        </>
      ) : (
        <p class="awaited">
          {clips === null ? "Loading…" : "No clips yet. One is made at every tenth of the run, and one at its end."}
        </p>
      )}
    </section>
  );
}

interface FilmstripProps {
  clips: PolicyClip[];
  compared: string;
  choose: (version: string) => void;
}

/** All clips along the run; the chosen one is shown beside the newest. */
function Filmstrip({ clips, compared, choose }: FilmstripProps) {
  return (
    <ol class="filmstrip" aria-label="Beside the newest, show the agent after">
      {clips.slice(0, -1).map((clip) => {
        const version = versionOf(clip.policyVersion);
        return (
          <li key={version}>
            <button type="button" aria-pressed={version === compared} onClick={() => choose(version)}>
              <PolicyThumb clip={clip} />
              <span>{short(num(clip.envSteps))} steps</span>
            </button>
          </li>
        );
      })}
    </ol>
  );
}

function titleOf(clip: PolicyClip, clips: PolicyClip[]): string {
  const steps = `after ${short(num(clip.envSteps))} steps`;
  if (clip.isFinal) return `At the end, ${steps}`;
  if (clip === clips.at(-1)) return `Newest, ${steps}`;
  return clip === clips[0] ? `First, ${steps}` : `Earlier, ${steps}`;
}

// JSON leaves zeros out.
function versionOf(version: string | undefined): string {
  return version ?? "0";
}
