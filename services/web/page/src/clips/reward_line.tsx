// The predicted reward of one segment: a line along the time axis, and a bar for the moment that is shown.

import type { RefObject } from "preact";

const HEIGHT = 40;
const MIDDLE = HEIGHT / 2;

interface RewardLineProps {
  rewards: number[];
  /** The reward that reaches the top. */
  reach: number;
  /** The line that `showMoment` moves. */
  cursor: RefObject<SVGLineElement | null>;
}

export function RewardLine({ rewards, reach, cursor }: RewardLineProps) {
  const last = Math.max(1, rewards.length - 1);
  const toX = (step: number) => (step / last) * 100;
  const toY = (reward: number) => MIDDLE - level(reward, reach) * (MIDDLE - 2);
  const line = rewards.map((reward, step) => `${toX(step).toFixed(2)} ${toY(reward).toFixed(2)}`).join("L");
  const area = `M0 ${MIDDLE}L${line}L100 ${MIDDLE}Z`;
  return (
    <svg class="reward-line" viewBox={`0 0 100 ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      <g class="above">
        <path d={area} />
      </g>
      <g class="below">
        <path d={area} />
      </g>
      <line class="zero" x1="0" x2="100" y1={MIDDLE} y2={MIDDLE} />
      <path class="line" d={`M${line}`} />
      <line class="moment" ref={cursor} x1="0" x2="0" y1="0" y2={HEIGHT} />
    </svg>
  );
}

export function RewardBar({ bar }: { bar: RefObject<HTMLDivElement | null> }) {
  return (
    <div class="reward-bar" aria-hidden="true">
      <div ref={bar} />
    </div>
  );
}

/** Move a line's cursor and a bar to a moment, 0 to 1 of the segment. */
export function showMoment(
  moment: number,
  { rewards, reach }: { rewards: number[]; reach: number },
  cursor: SVGLineElement | null,
  bar: HTMLDivElement | null,
): void {
  cursor?.setAttribute("x1", String(moment * 100));
  cursor?.setAttribute("x2", String(moment * 100));
  const step = Math.min(rewards.length - 1, Math.floor(moment * rewards.length));
  const height = level(rewards[step] ?? 0, reach);
  if (!bar) return;
  bar.dataset["sign"] = height >= 0 ? "up" : "down";
  bar.style.transform = `scaleY(${Math.abs(height)})`;
}

function level(reward: number, reach: number): number {
  return reach > 0 ? Math.max(-1, Math.min(1, reward / reach)) : 0;
}
