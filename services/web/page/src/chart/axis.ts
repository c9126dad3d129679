// What a chart's x axis shows: steps, labels or time.

import { short } from "../shell/words";
import { ticks, tickWords, type Range } from "./scale";

export type AxisName = "steps" | "labels" | "time";

export interface Axis {
  name: AxisName;
  /** The label of the button that chooses it. */
  label: string;
  ticks: (range: Range, count: number) => number[];
  tickWords: (values: number[]) => string[];
  /** A value in words. */
  words: (x: number) => string;
}

const MINUTE_S = 60;
const HOUR_S = 3600;
const DAY_S = 86_400;

// The units of clocks and calendars: times in steps of 2.5 hours are hard to read.
const TIME_STEPS_S = [
  ...[1, 2, 5, 10, 15, 30],
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * MINUTE_S),
  ...[1, 2, 3, 6, 12].map((hours) => hours * HOUR_S),
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500].map((days) => days * DAY_S),
];

const UNITS: [number, string][] = [
  [DAY_S, "d"],
  [HOUR_S, "h"],
  [MINUTE_S, "min"],
  [1, "s"],
];

/** Return about `count` ticks of a time axis in seconds, in a clock's or calendar's steps. */
export function timeTicks({ low, high }: Range, count: number): number[] {
  const least = (high - low) / Math.max(1, count);
  const step = TIME_STEPS_S.find((one) => one >= least * (1 - 1e-9)) ?? DAY_S * 1000;
  return ticks({ low, high, step }, count);
}

/** Return the labels of ticks in seconds, all in the largest unit that divides each of them. */
export function timeTickWords(values: number[]): string[] {
  const [length, name] = UNITS.find(([seconds]) => values.every((value) => value % seconds === 0)) ?? [1, "s"];
  return values.map((value) => (value === 0 ? "0" : `${value / length} ${name}`));
}

/** Return the time since the start in its two largest units. */
export function timeWords(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < MINUTE_S) return `${whole} s`;
  const at = UNITS.findIndex(([length]) => whole >= length);
  const [length, name] = UNITS[at] ?? [1, "s"];
  const [lesser, lesserName] = UNITS[at + 1] ?? [1, "s"];
  const rest = Math.floor((whole % length) / lesser);
  return `${Math.floor(whole / length)} ${name}${rest ? ` ${rest} ${lesserName}` : ""}`;
}

export const AXES: Record<AxisName, Axis> = {
  steps: {
    name: "steps",
    label: "by steps",
    ticks: (range, count) => ticks(range, count, true),
    tickWords,
    words: (x) => `${short(x)} steps`,
  },
  labels: {
    name: "labels",
    label: "by labels",
    ticks: (range, count) => ticks(range, count, true),
    tickWords,
    words: (x) => `${Math.round(x)} labels`,
  },
  time: { name: "time", label: "by time", ticks: timeTicks, tickWords: timeTickWords, words: timeWords },
};
