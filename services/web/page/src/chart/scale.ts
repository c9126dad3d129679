// From values to coordinates on a chart, and round numbers for its axes.

export interface Range {
  low: number;
  high: number;
  /** Between two ticks; chosen by `ticks` where it is absent. */
  step?: number;
}

const NICE = [1, 2, 2.5, 5, 10];
const NICE_COUNTS = [1, 2, 5, 10];

/** Return about `count` round numbers within a range. */
export function ticks({ low, high, step: given }: Range, count: number, isCount = false): number[] {
  const step = given ?? niceStep((high - low) / Math.max(1, count), isCount);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, index) => (first + index) * step);
}

/** Return a range that holds all values and ends at round numbers; never empty. Counts have whole numbers for ticks. */
export function niceRange(values: number[], count: number, isCount = false): Range {
  let low = values.reduce((least, value) => Math.min(least, value), Infinity);
  let high = values.reduce((most, value) => Math.max(most, value), -Infinity);
  if (!Number.isFinite(low)) [low, high] = [0, 1];
  if (high - low < 1e-9) {
    const margin = Math.max(Math.abs(high) * 0.1, 1e-3);
    [low, high] = [low - margin, high + margin];
  }
  const step = niceStep((high - low) / count, isCount);
  return { low: Math.floor(low / step + 1e-9) * step, high: Math.ceil(high / step - 1e-9) * step, step };
}

function niceStep(least: number, isCount: boolean): number {
  const power = 10 ** Math.floor(Math.log10(least));
  const step = ((isCount ? NICE_COUNTS : NICE).find((nice) => nice * power >= least * (1 - 1e-9)) ?? 10) * power;
  return isCount ? Math.max(1, Math.round(step)) : step;
}

/**
 * Return the labels of ticks: all in one unit, each with as many decimals as the most precise one needs.
 *
 * Rounding each on its own would label even ticks at 0, 2.5, 5, 7.5 as 0, 3, 5, 8.
 */
export function tickWords(values: number[]): string[] {
  const size = Math.max(0, ...values.map(Math.abs));
  const [unit, name] = size >= 1e6 ? [1e6, "M"] : size >= 1e4 ? [1e3, "k"] : [1, ""];
  const decimals = decimalsOf(values.map((value) => value / unit));
  return values.map((value) => {
    const text = (value / unit).toFixed(decimals);
    return Number(text) === 0 ? "0" : text.replace("-", "−") + name;
  });
}

/** Return the labels of ticks that are shares, as percentages. */
export function percentTickWords(values: number[]): string[] {
  const decimals = decimalsOf(values.map((value) => value * 100));
  return values.map((value) => `${(value * 100).toFixed(decimals)}%`);
}

const MAX_DECIMALS = 6;

function decimalsOf(values: number[]): number {
  const size = Math.max(1e-9, ...values.map(Math.abs));
  for (let decimals = 0; decimals < MAX_DECIMALS; decimals += 1) {
    if (values.every((value) => Math.abs(value - Number(value.toFixed(decimals))) < size * 1e-9)) return decimals;
  }
  return MAX_DECIMALS;
}

/** Return the coordinate of a value: `from` at the range's low end, `to` at its high end. */
export function place(value: number, { low, high }: Range, from: number, to: number): number {
  return from + ((value - low) / (high - low)) * (to - from);
}

/** Return the index of the number nearest to a value in an ascending list; -1 for an empty list. */
export function nearest(sorted: number[], value: number): number {
  let begin = 0;
  let end = sorted.length - 1;
  while (begin < end) {
    const middle = (begin + end) >> 1;
    if ((sorted[middle] ?? 0) < value) begin = middle + 1;
    else end = middle;
  }
  if (begin > 0 && value - (sorted[begin - 1] ?? 0) <= (sorted[begin] ?? 0) - value) return begin - 1;
  return sorted.length ? begin : -1;
}
