// A line chart with its title, and the values at the place that is read out.

import type { Signal } from "@preact/signals";
import type { ComponentChildren } from "preact";

import type { Axis } from "./axis";
import { Plot } from "./plot";
import type { Range } from "./scale";
import { newestOf, valueAt, type Series } from "./series";

import "./chart.css";

export interface ChartProps {
  id: string;
  title: string;
  /** What the y axis measures. */
  unit: string;
  axis: Axis;
  xRange: Range;
  yWords: (y: number) => string;
  /** What is written at the y axis. */
  yTickWords: (ys: number[]) => string[];
  series: Series[];
  yRange?: Range;
  /** Whether y counts something, so that its ticks are whole numbers. */
  isCount?: boolean;
  /** A level that is worth comparing with. */
  reference?: { y: number; name: string } | undefined;
  /** Which place on the x axis is read out on all charts; null for the newest. */
  chosen: Signal<number | null>;
  /** What is waited for while there is nothing to draw. */
  empty: ComponentChildren;
}

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

/** The values at the chosen place, or the newest ones, with each line's name. */
function ReadOut({ series, chosen, axis, yWords }: ChartProps) {
  const x = chosen.value;
  return (
    <p class="read-out">
      {series.map((one) => {
        const value = x === null ? newestOf(one) : valueAt(one, x);
        return (
          <span key={one.name} class={`key ${one.look}`}>
            <Swatch />
            {series.length > 1 ? `${one.name} ` : ""}
            <b>{value === null ? "–" : yWords(value)}</b>
          </span>
        );
      })}
      <span class="at">{x === null ? "now" : `at ${axis.words(x)}`}</span>
    </p>
  );
}

/** A piece of a line, in the colour and kind that its parent's class names. */
export function Swatch() {
  return (
    <svg width="18" height="8" aria-hidden="true">
      <line x1="0" x2="18" y1="4" y2="4" />
    </svg>
  );
}
