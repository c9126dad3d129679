// The figures in the bar at the top: how much this labeler and the run have, what the learner wants, what is saved.

import { num } from "../connect/messages";
import * as screen from "./screen";

export function Bar() {
  return (
    <>
      <Figures />
      <SavingState />
      <button type="button" class="round" id="help-button" data-action="help" aria-label="Help: keys and meanings">
        ?
      </button>
    </>
  );
}

function Figures() {
  const { numOwn, numRun, perMinute } = screen.counts.value;
  const stats = screen.stats.value;
  const numWanted = num(stats?.numRendering) + num(stats?.numReady) + num(stats?.numLeased);
  const perHour = num(stats?.numLastHour);
  return (
    <dl class="counts" id="counts">
      <div title="Your answers in this run">
        <dt>yours</dt>
        <dd id="own-count">{numOwn}</dd>
      </div>
      <div title="Your pace over your newest answers">
        <dt>a minute</dt>
        <dd id="own-rate">{perMinute === null ? "–" : Math.round(perMinute)}</dd>
      </div>
      <div title="Questions of this run that are answered">
        <dt>this run</dt>
        <dd id="run-count">{stats || numRun ? numRun : "–"}</dd>
      </div>
      <div title="Everybody’s answers in the last hour">
        <dt>an hour</dt>
        <dd id="hour-count">{stats ? perHour : "–"}</dd>
      </div>
      <div title="Questions that the learner has asked and nobody has answered yet">
        <dt>wanted</dt>
        <dd id="wanted-count">{stats ? numWanted : "–"}</dd>
      </div>
      <div title="For what is wanted, at the pace of the last hour or at yours if that is faster">
        <dt>left</dt>
        <dd id="time-left">{timeLeft(numWanted, Math.max(perHour, (perMinute ?? 0) * 60))}</dd>
      </div>
    </dl>
  );
}

/** Gives how long so many answers take, in words. */
export function timeLeft(numWanted: number, perHour: number): string {
  if (numWanted === 0 || perHour === 0) return "–";
  const minutes = (numWanted / perHour) * 60;
  if (minutes < 1) return "< 1 min";
  if (minutes < 90) return `${Math.round(minutes)} min`;
  return `${Math.round(minutes / 60)} h`;
}

/** Says whether the server has every answer. */
function SavingState() {
  const saving = screen.saving.value;
  if (!saving) return <p class="saving" id="saving" data-state="saved" hidden />;
  const { numWaiting, numRefused, isUnreachable } = saving;
  const waiting = numWaiting ? `waiting to be saved (${numWaiting})` : "saved";
  const calm = numRefused ? "refused" : "saved";
  return (
    <p class="saving" id="saving" data-state={numWaiting ? (isUnreachable ? "away" : "waiting") : calm}>
      <span class="dot" aria-hidden="true" />
      <span id="saving-text">{numRefused ? `${waiting} · ${numRefused} refused` : waiting}</span>
    </p>
  );
}
