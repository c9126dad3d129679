// How the run stands in figures: labels, what the learner wishes, steps, time left.

import { num, type Stats } from "../connect/messages";
import type { ProgressPoint } from "./messages";
import { duration, percent, plural, short } from "./words";

interface FiguresProps {
  newest: ProgressPoint | null;
  stats: Stats | null;
}

export function Figures({ newest, stats }: FiguresProps) {
  const budget = num(newest?.labelBudget);
  const numAnswered = num(stats?.numAnswered ?? newest?.numAnswered);
  const rate = num(stats?.numLastHour ?? newest?.numLastHour);
  return (
    <dl class="panel run-figures" id="figures">
      <Figure id="labels" name="labels answered" value={budget ? `${numAnswered} / ${budget}` : String(numAnswered)}>
        {stats ? `${num(stats.numReady)} ready, ${num(stats.numLeased)} before somebody now` : ""}
      </Figure>
      <Figure id="wish" name="the learner wishes" value={wish(newest, numAnswered)}>
        {nextWish(newest)}
      </Figure>
      <Figure id="rate" name="answers in the last hour" value={stats ? String(rate) : "–"}>
        {stats ? `${num(stats.numLastHourByLabelers)} by people, ${num(stats.numLastHourByTeachers)} by teachers` : ""}
      </Figure>
      <Figure
        id="agreement-now"
        name="agreement"
        value={newest?.preferenceAccuracy === undefined ? "–" : percent(newest.preferenceAccuracy)}
      >
        {newest?.preferenceAccuracy === undefined
          ? "no answer foretold yet"
          : `of the newest ${plural(num(newest.numAccuracyPreferences), "answer")}`}
      </Figure>
      <Figure id="steps" name="steps" value={newest ? short(num(newest.envSteps)) : "–"}>
        {newest ? `of ${short(num(newest.totalEnvSteps))}; ${pace(newest)}` : ""}
      </Figure>
      <Figure id="left" name="time left" value={newest ? timeLeft(newest, numAnswered, rate) : "–"}>
        {newest && num(newest.envSteps) < num(newest.totalEnvSteps) ? "by steps or labels, whichever takes longer" : ""}
      </Figure>
    </dl>
  );
}

function Figure(props: { id: string; name: string; value: string; children: string }) {
  return (
    <div id={`figure-${props.id}`}>
      <dt>{props.name}</dt>
      <dd class="value">{props.value}</dd>
      <dd class="more">{props.children}</dd>
    </div>
  );
}

/** What is due and not answered. */
function wish(newest: ProgressPoint | null, numAnswered: number): string {
  if (!newest) return "–";
  const missing = num(newest.numLabelsDue) - numAnswered;
  if (missing > 0) return `${missing} more now`;
  return numAnswered >= num(newest.labelBudget) ? "no more" : "none right now";
}

/** What comes due from here on. */
function nextWish(newest: ProgressPoint | null): string {
  if (!newest) return "";
  const { wishedLabelsPerHour: perHour } = newest;
  if (perHour === undefined) return "its pace is not known yet";
  if (perHour === 0) return "every label of the run is due";
  return `then ${perHour < 1 ? "less than one" : `about ${short(perHour)}`} an hour`;
}

function pace({ envStepsPerS }: ProgressPoint): string {
  return envStepsPerS ? `${short(envStepsPerS)} a second` : "not learning yet";
}

/** Gives the longer of what the steps and what the labels still take, at today's pace. */
function timeLeft(newest: ProgressPoint, numAnswered: number, perHour: number): string {
  const steps = num(newest.totalEnvSteps) - num(newest.envSteps);
  if (steps <= 0) return "done";
  if (!newest.envStepsPerS) return "–";
  const labels = Math.max(0, num(newest.labelBudget) - numAnswered);
  const bySteps = steps / newest.envStepsPerS;
  const byLabels = perHour > 0 ? (labels / perHour) * 3600 : 0;
  return `about ${duration(Math.max(bySteps, byLabels))}`;
}
