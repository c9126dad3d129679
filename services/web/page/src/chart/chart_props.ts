// What a chart shows.

import type { Signal } from "@preact/signals";
import type { ComponentChildren } from "preact";

import type { Axis } from "./axis";
import type { Range } from "./scale";
import type { Series } from "./series";

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
