// A line chart with its title and a read-out of its values.

import type { ChartProps } from "./chart_props";
import { Plot } from "./plot";
import { newestOf, valueAt } from "./series";

import "./chart.css";

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

/** The values at the chosen x, or the newest ones, with each line's name. */
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

/** A short piece of a line, styled by its parent's class. */
export function Swatch() {
  return (
    <svg width="18" height="8" aria-hidden="true">
      <line x1="0" x2="18" y1="4" y2="4" />
    </svg>
  );
}
