// The playback controls below the pair.

import type { Ref } from "preact";

import type { Action } from "../keys";
import * as screen from "../screen";

const ICONS = {
  start: "M5 4v16M19 5 8 12l11 7z",
  pause: "M8 5v14M16 5v14",
  play: "M7 4l13 8-13 8z",
  back: "M14 6l-7 6 7 6",
  forward: "M10 6l7 6-7 6",
  less: "M6 12h12",
  more: "M6 12h12M12 6v12",
};

export function PlayerBar({ slider }: { slider: Ref<HTMLInputElement> }) {
  const isPlaying = screen.isPlaying.value;
  return (
    <div class="player" role="group" aria-label="Playing">
      <PlayerButton action="replay" name="Replay from the start" icon="start" keyCap="space" />
      <PlayerButton action="pause" name={isPlaying ? "Pause" : "Play"} icon={isPlaying ? "pause" : "play"} keyCap="P" />
      <PlayerButton action="frame-back" name="One frame back" icon="back" keyCap="," />
      <input
        ref={slider}
        id="moment"
        class="moment"
        type="range"
        min="0"
        max="1"
        step="any"
        defaultValue="0"
        aria-label="Moment in both clips"
      />
      <PlayerButton action="frame-forward" name="One frame forward" icon="forward" keyCap="." />
      <span class="speed" role="group" aria-label="Speed">
        <PlayerButton action="slower" name="Slower" icon="less" keyCap="[" />
        <output id="speed">{screen.speed}×</output>
        <PlayerButton action="faster" name="Faster" icon="more" keyCap="]" />
      </span>
    </div>
  );
}

interface PlayerButtonProps {
  action: Action;
  name: string;
  icon: keyof typeof ICONS;
  keyCap: string;
}

function PlayerButton({ action, name, icon, keyCap }: PlayerButtonProps) {
  return (
    <button type="button" class="quiet" data-action={action} disabled={!screen.can.value.answer} title={name}>
      <span class="unseen">{name}</span>
      <svg viewBox="0 0 24 24" width="18" height="18" aria-hidden="true">
        <path d={ICONS[icon]} />
      </svg>
      <kbd aria-hidden="true">{keyCap}</kbd>
    </button>
  );
}
