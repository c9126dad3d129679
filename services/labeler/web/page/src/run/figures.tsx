// How the run stands in figures: labels, what the learner wishes, steps, time left.

import { num, type Stats } from "../connect/messages";
import type { ProgressPoint } from "./messages";
import { duration, percent, plural, short } from "./words";

// Long enough to hold a few waits for labels, short enough to tell of now.
const PACE_S = 300;

interface FiguresProps {
  points: ProgressPoint[];
  stats: Stats | null;
}

export function Figures({ points, stats }: FiguresProps) {
  const newest = points.at(-1) ?? null;
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
      <Figure id="left" name="time left" value={timeLeft(points)}>
        {newest && num(newest.envSteps) < num(newest.totalEnvSteps) ? "at the pace of the last five minutes, waits and all" : ""}
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
  return numAnswered >= num(newest.labelBudget) ? "no more" : "none now";
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

/** Gives how long the rest of the steps takes at the pace of the newest points, in which waits for labels count. */
function timeLeft(points: ProgressPoint[]): string {
  const newest = points.at(-1);
  if (!newest) return "–";
  const steps = num(newest.totalEnvSteps) - num(newest.envSteps);
  if (steps <= 0) return "done";
  const first = points.find((point) => secondsBetween(point, newest) <= PACE_S) ?? newest;
  const made = num(newest.envSteps) - num(first.envSteps);
  return made > 0 ? `about ${duration((steps / made) * secondsBetween(first, newest))}` : "–";
}

function secondsBetween(earlier: ProgressPoint, later: ProgressPoint): number {
  return (Date.parse(later.reportTime) - Date.parse(earlier.reportTime)) / 1000;
}
