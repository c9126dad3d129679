// A chart's drawing: axes, lines, and a cursor that follows the pointer or the arrow keys.

import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";

import type { ChartProps } from "./chart_props";
import { nearest, niceRange, place, ticks } from "./scale";
import { bandPath, linePath, newestOf, newestX, stopsOf, valueAt, type Frame } from "./series";

const HEIGHT = 176;
const MARGIN = { left: 50, right: 12, top: 10, bottom: 24 };
const NUM_X_TICKS = 5;
const NUM_Y_TICKS = 4;

export function Plot(props: ChartProps) {
  const { title, series, xRange, yWords, reference, chosen, isCount = false } = props;
  const [frame, width] = useWidth();
  const stops = useMemo(() => stopsOf(series), [series]);
  const values = series.flatMap((one) => (one.raw ?? one.values).filter((value) => value !== null));
  const yRange = props.yRange ?? niceRange(reference ? [...values, reference.y] : values, NUM_Y_TICKS, isCount);
  const toX = (x: number) => place(x, xRange, MARGIN.left, width - MARGIN.right);
  const toY = (y: number) => place(y, yRange, HEIGHT - MARGIN.bottom, MARGIN.top);
  const choose = (event: PointerEvent) => {
    const box = frame.current?.getBoundingClientRect();
    if (!box) return;
    const ends = { low: MARGIN.left, high: width - MARGIN.right };
    chosen.value = stops[nearest(stops, place(event.clientX - box.left, ends, xRange.low, xRange.high))] ?? null;
  };
  const move = (event: KeyboardEvent) => {
    const at = chosen.value === null ? stops.length - 1 : nearest(stops, chosen.value);
    const stride = event.shiftKey ? 10 : 1;
    const to = { ArrowLeft: at - stride, ArrowRight: at + stride, Home: 0, End: stops.length - 1 }[event.key];
    if (event.key === "Escape") chosen.value = null;
    if (to === undefined) return;
    event.preventDefault();
    chosen.value = stops[Math.max(0, Math.min(stops.length - 1, to))] ?? null;
  };
  const last = series.map((one) => `${one.name} ${wordsOrNone(newestOf(one), yWords)}`).join(", ");
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
          <Axes {...props} toX={toX} toY={toY} width={width} ys={ticks(yRange, NUM_Y_TICKS, isCount)} />
          <Lines {...props} toX={toX} toY={toY} />
          <Cursor {...props} toX={toX} toY={toY} />
        </svg>
      ) : null}
    </div>
  );
}

function Axes({ axis, xRange, yTickWords, reference, toX, toY, width, ys }: ChartProps & Frame & { width: number; ys: number[] }) {
  const xs = axis.ticks(xRange, Math.max(1, Math.min(NUM_X_TICKS, Math.floor(width / 100))));
  const [xWords, yWords] = [axis.tickWords(xs), yTickWords(ys)];
  const right = width - MARGIN.right;
  return (
    <>
      {ys.map((y, index) => (
        <g key={y}>
          <line class="grid" x1={MARGIN.left} x2={right} y1={toY(y)} y2={toY(y)} />
          <text class="tick" x={MARGIN.left - 7} y={toY(y) + 4} text-anchor="end">
            {yWords[index]}
          </text>
        </g>
      ))}
      {xs.map((x, index) => (
        <text key={x} class="tick" x={toX(x)} y={HEIGHT - 6} text-anchor={anchor(toX(x), width)}>
          {xWords[index]}
        </text>
      ))}
      {reference ? (
        <g class="reference">
          <line x1={MARGIN.left} x2={right} y1={toY(reference.y)} y2={toY(reference.y)} />
          <text x={right} y={toY(reference.y) + (toY(reference.y) < 24 ? 14 : -4)} text-anchor="end">
            {reference.name}
          </text>
        </g>
      ) : null}
    </>
  );
}

function Lines({ series, toX, toY }: ChartProps & Frame) {
  const frame = { toX, toY };
  return (
    <>
      {series.map(({ name, look, xs, band }) =>
        band ? <path key={name} class={`band ${look}`} d={bandPath(xs, band, frame)} /> : null,
      )}
      {series.map(({ name, look, xs, raw, isStepped }) =>
        raw ? <path key={name} class={`curve raw ${look}`} d={linePath(xs, raw, frame, isStepped)} /> : null,
      )}
      {series.map(({ name, look, xs, values, isStepped }) => (
        <path key={name} class={`curve ${look}`} d={linePath(xs, values, frame, isStepped)} />
      ))}
    </>
  );
}

/** The line and the dots at the chosen x; only the dots at the newest one. */
function Cursor({ series, chosen, toX, toY }: ChartProps & Frame) {
  const x = chosen.value;
  return (
    <g class="cursor">
      {x === null ? null : <line x1={toX(x)} x2={toX(x)} y1={MARGIN.top} y2={HEIGHT - MARGIN.bottom} />}
      {series.map((one) => {
        const dotX = x ?? newestX(one);
        const value = x === null ? newestOf(one) : valueAt(one, x);
        if (value === null || dotX === null) return null;
        return <circle key={one.name} class={one.look} cx={toX(dotX)} cy={toY(value)} r="3.5" />;
      })}
    </g>
  );
}

function wordsOrNone(value: number | null, words: (value: number) => string): string {
  return value === null ? "none" : words(value);
}

/** Return the anchor that keeps the first and last tick's label inside the chart. */
function anchor(x: number, width: number): "start" | "middle" | "end" {
  if (x > width - 34) return "end";
  return x < MARGIN.left + 10 ? "start" : "middle";
}

/** Return an element's width in CSS pixels as it changes; 0 before it is laid out. */
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
