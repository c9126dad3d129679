// The run in figures: labels, what the learner needs, steps, time left.

import { num } from "../connect/messages";
import { figure as inFigures, ofBudget, short } from "../shell/words";
import { needs, predictedCorrectly, stepsPerSecond, timeLeft, type Estimate } from "./estimates";
import { continuous } from "./history";
import type { ProgressPoint, Stats } from "../connect/messages";
import type { RunStatus } from "./status/status";

interface FiguresProps {
  /** As reported. */
  points: ProgressPoint[];
  stats: Stats | null;
  status: RunStatus;
  labelBudget: number;
  numAnswered: number;
}

export function Figures({ points, stats, status, labelBudget, numAnswered }: FiguresProps) {
  const newest = continuous(points).at(-1) ?? null;
  const inputs = { numAwaited: status.numAwaited, numAnswered, labelBudget };
  const isOver = status.kind === "finished" || status.kind === "stopped";
  return (
    <dl class="panel run-figures" id="figures">
      <Figure id="labels" name="labels answered" estimate={{
        value: ofBudget(numAnswered, labelBudget, " / "),
        more: stats && !isOver ? `${num(stats.numReady)} ready, ${num(stats.numLeased)} being answered` : "",
      }} />
      {isOver ? null : <Figure id="needs" name="the learner needs" estimate={needs(newest, inputs)} />}
      {isOver ? null : <Figure id="rate" name="answers in the last hour" estimate={rate(stats)} />}
      <Figure id="accuracy" name="predicted correctly" estimate={predictedCorrectly(newest)} />
      <Figure id="return" name="true return" estimate={trueReturn(newest)} />
      <Figure id="steps" name="steps" estimate={steps(points, newest, isOver)} />
      {isOver ? null : <Figure id="left" name="time left" estimate={left(points, inputs, status)} />}
    </dl>
  );
}

function Figure({ id, name, estimate }: { id: string; name: string; estimate: Estimate }) {
  return (
    <div id={`figure-${id}`}>
      <dt>{name}</dt>
      <dd class={estimate.value.length > 12 ? "value long" : "value"}>{estimate.value}</dd>
      <dd class="more">{estimate.more}</dd>
    </div>
  );
}

function rate(stats: Stats | null): Estimate {
  if (!stats) return { value: "–", more: "" };
  return {
    value: String(num(stats.numLastHour)),
    more: `${num(stats.numLastHourByLabelers)} by people, ${num(stats.numLastHourByTeachers)} by teachers`,
  };
}

function trueReturn(newest: ProgressPoint | null): Estimate {
  if (newest?.trueReturnMean === undefined) return { value: "–", more: "none measured yet" };
  return { value: inFigures(newest.trueReturnMean), more: `mean of ${num(newest.numEpisodes)} episodes; the agent never sees it` };
}

function steps(points: ProgressPoint[], newest: ProgressPoint | null, isOver: boolean): Estimate {
  if (!newest) return { value: "–", more: "" };
  const perSecond = stepsPerSecond(points);
  const pace = perSecond === null || isOver ? "" : `; ${short(perSecond)} a second, waits included`;
  return { value: short(num(newest.envSteps)), more: `of ${short(num(newest.totalEnvSteps))}${pace}` };
}

function left(points: ProgressPoint[], inputs: Parameters<typeof timeLeft>[1], { kind }: RunStatus): Estimate {
  if (kind === "paused") return { value: "not known yet", more: "paused" };
  if (kind === "silent") return { value: "not known yet", more: "its services are silent" };
  return timeLeft(points, inputs);
}
