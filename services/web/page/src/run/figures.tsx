// How the run stands in figures: labels, what the learner needs, steps, time left.

import { num } from "../connect/messages";
import { figure as inFigures, ofBudget, short } from "../shell/words";
import { needs, predictedCorrectly, stepsPerSecond, timeLeft, type Told } from "./estimates";
import { continuous } from "./history";
import type { ProgressPoint, RunStats } from "./messages";
import type { Standing } from "./standing/standing";

interface FiguresProps {
  /** As they were reported. */
  points: ProgressPoint[];
  stats: RunStats | null;
  standing: Standing;
  labelBudget: number;
  numAnswered: number;
}

export function Figures({ points, stats, standing, labelBudget, numAnswered }: FiguresProps) {
  const newest = continuous(points).at(-1) ?? null;
  const inputs = { numAwaited: standing.numAwaited, numAnswered, labelBudget };
  const isOver = standing.kind === "finished" || standing.kind === "stopped";
  return (
    <dl class="panel run-figures" id="figures">
      <Figure id="labels" name="labels answered" told={{
        value: ofBudget(numAnswered, labelBudget, " / "),
        more: stats && !isOver ? `${num(stats.numReady)} ready, ${num(stats.numLeased)} being answered` : "",
      }} />
      {isOver ? null : <Figure id="needs" name="the learner needs" told={needs(newest, inputs)} />}
      {isOver ? null : <Figure id="rate" name="answers in the last hour" told={rate(stats)} />}
      <Figure id="accuracy" name="predicted correctly" told={predictedCorrectly(newest)} />
      <Figure id="return" name="true return" told={trueReturn(newest)} />
      <Figure id="steps" name="steps" told={steps(points, newest, isOver)} />
      {isOver ? null : <Figure id="left" name="time left" told={left(points, inputs, standing)} />}
    </dl>
  );
}

function Figure({ id, name, told }: { id: string; name: string; told: Told }) {
  return (
    <div id={`figure-${id}`}>
      <dt>{name}</dt>
      <dd class={told.value.length > 12 ? "value long" : "value"}>{told.value}</dd>
      <dd class="more">{told.more}</dd>
    </div>
  );
}

function rate(stats: RunStats | null): Told {
  if (!stats) return { value: "–", more: "" };
  return {
    value: String(num(stats.numLastHour)),
    more: `${num(stats.numLastHourByLabelers)} by people, ${num(stats.numLastHourByTeachers)} by teachers`,
  };
}

function trueReturn(newest: ProgressPoint | null): Told {
  if (newest?.trueReturnMean === undefined) return { value: "–", more: "none measured yet" };
  return { value: inFigures(newest.trueReturnMean), more: `mean of ${num(newest.numEpisodes)} episodes; the agent never sees it` };
}

function steps(points: ProgressPoint[], newest: ProgressPoint | null, isOver: boolean): Told {
  if (!newest) return { value: "–", more: "" };
  const perSecond = stepsPerSecond(points);
  const pace = perSecond === null || isOver ? "" : `; ${short(perSecond)} a second, waits included`;
  return { value: short(num(newest.envSteps)), more: `of ${short(num(newest.totalEnvSteps))}${pace}` };
}

function left(points: ProgressPoint[], inputs: Parameters<typeof timeLeft>[1], { kind }: Standing): Told {
  if (kind === "paused") return { value: "not known yet", more: "it is paused" };
  if (kind === "silent") return { value: "not known yet", more: "its services are silent" };
  return timeLeft(points, inputs);
}
