// The figures in the bar at the top: this labeler's answers and the run's, the goal, what is saved.

import { num } from "../connect/messages";
import { ending } from "./run/ending";
import * as screen from "./screen";
import { budgeted, numLeft, timeLeft } from "./session/budget";
import { GoalButton } from "./session/goal_dialog";

export function Bar() {
  return (
    <>
      <Figures />
      <GoalButton />
      <SavingState />
      <button type="button" class="round" id="help-button" data-action="help" aria-label="Help: keys and meanings">
        ?
      </button>
    </>
  );
}

function Figures() {
  const { numOwn, numRun, perMinute, perMinuteTrusted } = screen.counts.value;
  const stats = screen.stats.value;
  // A stopped run uses no answers, so there is no telling when it will have all.
  const isOver = ending.value !== null || screen.isStopped.value;
  const left = stats && !isOver ? numLeft(numRun, stats) : 0;
  return (
    <dl class="counts" id="counts">
      <div title="Your answers in this run">
        <dt>yours</dt>
        <dd id="own-count">{numOwn}</dd>
      </div>
      <div title="Questions answered in this run, by everyone">
        <dt>this run</dt>
        <dd id="run-count">{stats || numRun ? budgeted(numRun, stats) : "–"}</dd>
      </div>
      <div title="Your pace over your latest answers">
        <dt>per minute</dt>
        <dd id="own-rate">{perMinute === null ? "–" : Math.round(perMinute)}</dd>
      </div>
      <div title="Until the run has all its answers, at the last hour’s pace or at yours, whichever is faster">
        <dt>left</dt>
        <dd id="time-left">{timeLeft(left, { perHour: num(stats?.numLastHour), perMinute: perMinuteTrusted })}</dd>
      </div>
    </dl>
  );
}

/** Whether the server has every answer. */
function SavingState() {
  const saving = screen.saving.value;
  if (!saving) return <p class="saving" id="saving" data-state="saved" hidden />;
  const { numWaiting, numRefused, isUnreachable } = saving;
  const waiting = numWaiting ? `waiting to be saved (${numWaiting})` : "saved";
  const calm = numRefused ? "refused" : "saved";
  return (
    <p class="saving" id="saving" data-state={numWaiting ? (isUnreachable ? "away" : "waiting") : calm}>
      <span class="dot" aria-hidden="true" />
      <span id="saving-text">{numRefused ? `${waiting} · ${numRefused} rejected` : waiting}</span>
    </p>
  );
}
