// One line of a chart.

import { nearest } from "./scale";

export interface Series {
  name: string;
  /** The class in chart.css that gives the line its colour and dashes. */
  look: string;
  /** Ascending values on the x axis. */
  xs: number[];
  /** One per x; null where there is none. */
  values: (number | null)[];
  /** The values before smoothing, drawn faintly. */
  raw?: (number | null)[] | undefined;
  /** An interval around the values, drawn as a band. */
  band?: ([number, number] | null)[] | undefined;
  /** Whether a value holds until the next instead of changing evenly. */
  isStepped?: boolean;
}

/** Return the newest value; null if there is none. */
export function newestOf({ values }: Series): number | null {
  return values.findLast((value) => value !== null) ?? null;
}

/** Return the newest value's x; null if there is none. */
export function newestX({ xs, values }: Series): number | null {
  return xs[values.findLastIndex((value) => value !== null)] ?? null;
}

/** Return the value nearest to x; null beyond the line's end. */
export function valueAt({ xs, values }: Series, x: number): number | null {
  const last = xs.at(-1);
  if (last === undefined || x > last) return null;
  return values[nearest(xs, x)] ?? null;
}

/** Return every x of some lines once, ascending. */
export function stopsOf(series: Series[]): number[] {
  const [only] = series;
  if (only && series.every(({ xs }) => xs === only.xs)) return only.xs;
  return [...new Set(series.flatMap(({ xs }) => xs))].sort((one, other) => one - other);
}

export interface Frame {
  toX: (x: number) => number;
  toY: (y: number) => number;
}

/** Return the path of a line, interrupted where there are no values. */
export function linePath(xs: number[], values: (number | null)[], { toX, toY }: Frame, isStepped = false): string {
  let path = "";
  let isDrawing = false;
  values.forEach((value, index) => {
    const x = xs[index];
    if (value === null || x === undefined) {
      isDrawing = false;
      return;
    }
    const [left, top] = [toX(x).toFixed(1), toY(value).toFixed(1)];
    if (!isDrawing) path += `M${left} ${top}`;
    else path += isStepped ? `H${left}V${top}` : `L${left} ${top}`;
    isDrawing = true;
  });
  return path;
}

/** Return the outline of a band, along its upper edge and back along its lower one. */
export function bandPath(xs: number[], band: ([number, number] | null)[], { toX, toY }: Frame): string {
  const upper: string[] = [];
  const lower: string[] = [];
  band.forEach((interval, index) => {
    const x = xs[index];
    if (!interval || x === undefined) return;
    lower.unshift(`${toX(x).toFixed(1)} ${toY(interval[0]).toFixed(1)}`);
    upper.push(`${toX(x).toFixed(1)} ${toY(interval[1]).toFixed(1)}`);
  });
  return upper.length ? `M${[...upper, ...lower].join("L")}Z` : "";
}

