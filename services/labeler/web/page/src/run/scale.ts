// From values to places on a chart.

export interface Range {
  low: number;
  high: number;
  /** Between two ticks; chosen by `ticks` where it is absent. */
  step?: number;
}

const NICE = [1, 2, 2.5, 5, 10];

/** Gives round numbers that lie in a range, about `count` of them. */
export function ticks({ low, high, step: given }: Range, count: number): number[] {
  const step = given ?? niceStep((high - low) / Math.max(1, count));
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, index) => (first + index) * step);
}

/** Gives a range that holds all values and ends at round numbers; never empty. */
export function niceRange(values: number[], count: number): Range {
  let low = values.reduce((least, value) => Math.min(least, value), Infinity);
  let high = values.reduce((most, value) => Math.max(most, value), -Infinity);
  if (!Number.isFinite(low)) [low, high] = [0, 1];
  if (high - low < 1e-9) {
    const margin = Math.max(Math.abs(high) * 0.1, 1e-3);
    [low, high] = [low - margin, high + margin];
  }
  const step = niceStep((high - low) / count);
  return { low: Math.floor(low / step + 1e-9) * step, high: Math.ceil(high / step - 1e-9) * step, step };
}

function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return (NICE.find((nice) => nice * power >= least * (1 - 1e-9)) ?? 10) * power;
}

/** Gives the place of a value: `from` for the range's low end, `to` for its high end. */
export function place(value: number, { low, high }: Range, from: number, to: number): number {
  return from + ((value - low) / (high - low)) * (to - from);
}

/** Gives the index of the number in a rising list that is nearest to a value; -1 for an empty list. */
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
