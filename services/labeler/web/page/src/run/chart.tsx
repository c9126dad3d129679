// A line chart with axes and a read-out that follows the pointer or the arrow keys; several share one place on the x axis.

import type { Signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";

import { nearest, niceRange, place, ticks, type Range } from "./scale";

export interface Series {
  name: string;
  /** Names its colour and kind of line in run.css. */
  look: string;
  /** One a point of the x axis; null where there is none. */
  values: (number | null)[];
  /** Holds from one point to the next instead of rising evenly. */
  isStepped?: boolean;
}

interface ChartProps {
  id: string;
  title: string;
  /** What the y axis measures. */
  unit: string;
  xs: number[];
  xRange: Range;
  xWords: (x: number) => string;
  /** As `xWords`, below the axis. */
  xTick: (x: number) => string;
  yWords: (y: number) => string;
  series: Series[];
  yRange?: Range;
  /** A level that is worth comparing with. */
  reference?: { y: number; name: string } | undefined;
  /** Which point is read out on all charts; null for the newest. */
  chosen: Signal<number | null>;
  /** What is waited for while there is nothing to draw. */
  empty: ComponentChildren;
}

const HEIGHT = 176;
const MARGIN = { left: 46, right: 12, top: 10, bottom: 24 };
const NUM_X_TICKS = 5;
const NUM_Y_TICKS = 4;

export function Chart(props: ChartProps) {
  const { id, title, unit, series } = props;
  const hasLine = series.some(({ values }) => values.some((value) => value !== null));
  return (
    <figure class="chart" id={id}>
      <figcaption>
        <h3>
          {title} <small>{unit}</small>
        </h3>
        {hasLine ? <ReadOut {...props} /> : null}
      </figcaption>
      {hasLine ? <Plot {...props} /> : <p class="awaited">{props.empty}</p>}
    </figure>
  );
}

/** The values at the chosen point, or the newest ones, with each line's name. */
function ReadOut({ series, xs, chosen, xWords, yWords }: ChartProps) {
  const index = chosen.value;
  const x = index === null ? undefined : xs[index];
  return (
    <p class="read-out">
      {series.map(({ name, look, values }) => {
        const value = index === null ? newestOf(values) : (values[index] ?? null);
        return (
          <span key={name} class={`key ${look}`}>
            <svg width="18" height="8" aria-hidden="true">
              <line x1="0" x2="18" y1="4" y2="4" />
            </svg>
            {series.length > 1 ? `${name} ` : ""}
            <b>{value === null ? "–" : yWords(value)}</b>
          </span>
        );
      })}
      <span class="at">{x === undefined ? "now" : `at ${xWords(x)}`}</span>
    </p>
  );
}

function Plot(props: ChartProps) {
  const { title, series, xs, xRange, xTick, yWords, reference, chosen } = props;
  const [frame, width] = useWidth();
  const values = series.flatMap((one) => one.values.filter((value) => value !== null));
  const yRange = props.yRange ?? niceRange(reference ? [...values, reference.y] : values, NUM_Y_TICKS);
  const toX = (x: number) => place(x, xRange, MARGIN.left, width - MARGIN.right);
  const toY = (y: number) => place(y, yRange, HEIGHT - MARGIN.bottom, MARGIN.top);
  const choose = (event: PointerEvent) => {
    const box = frame.current?.getBoundingClientRect();
    if (!box) return;
    const x = place(event.clientX - box.left, { low: MARGIN.left, high: width - MARGIN.right }, xRange.low, xRange.high);
    const found = nearest(xs, x);
    chosen.value = found < 0 ? null : found;
  };
  const move = (event: KeyboardEvent) => {
    const at = chosen.value ?? xs.length - 1;
    const stride = event.shiftKey ? 10 : 1;
    const to = { ArrowLeft: at - stride, ArrowRight: at + stride, Home: 0, End: xs.length - 1 }[event.key];
    if (event.key === "Escape") chosen.value = null;
    if (to === undefined) return;
    event.preventDefault();
    chosen.value = Math.max(0, Math.min(xs.length - 1, to));
  };
  const last = series.map(({ name, values: all }) => `${name} ${wordsOrNone(newestOf(all), yWords)}`).join(", ");
  return (
    <div
      ref={frame}
      class="plot"
      tabIndex={0}
      role="img"
      aria-label={`${title}: newest ${last}. Left and right arrows read the curve.`}
      onPointerMove={choose}
      onPointerDown={choose}
      onPointerLeave={() => (chosen.value = null)}
      onBlur={() => (chosen.value = null)}
      onKeyDown={move}
    >
      {width > 0 ? (
        <svg width={width} height={HEIGHT} aria-hidden="true">
          {ticks(yRange, NUM_Y_TICKS).map((y) => (
            <g key={y}>
              <line class="grid" x1={MARGIN.left} x2={width - MARGIN.right} y1={toY(y)} y2={toY(y)} />
              <text class="tick" x={MARGIN.left - 7} y={toY(y) + 4} text-anchor="end">
                {yWords(y)}
              </text>
            </g>
          ))}
          {ticks(xRange, Math.min(NUM_X_TICKS, width / 90)).map((x) => (
            <text key={x} class="tick" x={toX(x)} y={HEIGHT - 6} text-anchor={anchor(toX(x), width)}>
              {xTick(x)}
            </text>
          ))}
          {reference ? (
            <g class="reference">
              <line x1={MARGIN.left} x2={width - MARGIN.right} y1={toY(reference.y)} y2={toY(reference.y)} />
              <text x={width - MARGIN.right} y={toY(reference.y) + (toY(reference.y) < 24 ? 14 : -4)} text-anchor="end">
                {reference.name}
              </text>
            </g>
          ) : null}
          {series.map((one) => (
            <path key={one.name} class={`curve ${one.look}`} d={pathOf(one, xs, toX, toY)} />
          ))}
          <Cursor {...props} toX={toX} toY={toY} />
        </svg>
      ) : null}
    </div>
  );
}

/** The line and the dots at the chosen point; the dots alone at the newest one. */
function Cursor({
  series,
  xs,
  chosen,
  toX,
  toY,
}: ChartProps & { toX: (x: number) => number; toY: (y: number) => number }) {
  const index = chosen.value;
  const x = index === null ? undefined : xs[index];
  return (
    <g class="cursor">
      {x === undefined ? null : <line x1={toX(x)} x2={toX(x)} y1={MARGIN.top} y2={HEIGHT - MARGIN.bottom} />}
      {series.map(({ name, look, values }) => {
        const at = index ?? newestAt(values);
        const value = values[at];
        const dotX = xs[at];
        if (value === null || value === undefined || dotX === undefined) return null;
        return <circle key={name} class={look} cx={toX(dotX)} cy={toY(value)} r="3.5" />;
      })}
    </g>
  );
}

/** Gives the path of a line; it is broken where there are no values. */
function pathOf(
  { values, isStepped }: Series,
  xs: number[],
  toX: (x: number) => number,
  toY: (y: number) => number,
): string {
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

function newestOf(values: (number | null)[]): number | null {
  return values[newestAt(values)] ?? null;
}

/** Gives the index of the newest value; -1 without any. */
function newestAt(values: (number | null)[]): number {
  let at = values.length - 1;
  while (at >= 0 && values[at] === null) at -= 1;
  return at;
}

function wordsOrNone(value: number | null, words: (value: number) => string): string {
  return value === null ? "none" : words(value);
}

/** Keeps the first and the last tick's words inside the chart. */
function anchor(x: number, width: number): "start" | "middle" | "end" {
  if (x > width - 34) return "end";
  return x < MARGIN.left + 10 ? "start" : "middle";
}

/** Gives an element's width in CSS pixels as it changes; 0 before it is laid out. */
function useWidth(): [{ current: HTMLDivElement | null }, number] {
  const element = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const measured = element.current;
    if (!measured) return;
    const observer = new ResizeObserver(() => setWidth(measured.clientWidth));
    observer.observe(measured);
    setWidth(measured.clientWidth);
    return () => observer.disconnect();
  }, []);
  return [element, width];
}
