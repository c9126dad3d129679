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
  /** The labels of the y axis's ticks. */
  yTickWords: (ys: number[]) => string[];
  series: Series[];
  yRange?: Range;
  /** Whether y counts something, so that its ticks are whole numbers. */
  isCount?: boolean;
  /** A level worth comparing with. */
  reference?: { y: number; name: string } | undefined;
  /** The x value that is read out on all charts; null for the newest. */
  chosen: Signal<number | null>;
  /** Shown while there is nothing to draw. */
  empty: ComponentChildren;
}
