// The controls above charts: what the x axis shows, smoothing, downloads.

import { useRef } from "preact/hooks";

import { AXES, type AxisName } from "./axis";
import { pngOf, save, svgOf } from "./download";

interface AxisChoiceProps {
  names: readonly AxisName[];
  axis: AxisName;
  onChange: (axis: AxisName) => void;
}

export function AxisChoice({ names, axis, onChange }: AxisChoiceProps) {
  return (
    <div class="choice" role="group" aria-label="Along the x axis">
      {names.map((name) => (
        <button key={name} type="button" class="quiet" aria-pressed={axis === name} onClick={() => onChange(name)}>
          {AXES[name].label}
        </button>
      ))}
    </div>
  );
}

export function Smoothing({ weight, onChange }: { weight: number; onChange: (weight: number) => void }) {
  return (
    <label class="smoothing">
      smoothing
      <input
        id="smoothing"
        type="range"
        min="0"
        max="0.99"
        step="0.01"
        value={weight}
        aria-valuetext={weight ? weight.toFixed(2) : "none"}
        onInput={(event) => onChange(event.currentTarget.valueAsNumber)}
      />
      <output for="smoothing">{weight ? weight.toFixed(2) : "none"}</output>
    </label>
  );
}

interface DownloadsProps {
  /** The files' name, without suffix. */
  name: string;
  csv: () => string;
  onProblem: (sentence: string) => void;
}

/** A menu of files; the images show the charts of the panel that the menu is in. */
export function Downloads({ name, csv, onProblem }: DownloadsProps) {
  const menu = useRef<HTMLDetailsElement>(null);
  const saved = (ending: string, content: () => Promise<Blob> | Blob) => async () => {
    try {
      save(`${name}.${ending}`, await content());
      onProblem("");
    } catch (error) {
      onProblem(`Couldn’t create the file: ${String(error)}`);
    }
    if (menu.current) menu.current.open = false;
    menu.current?.querySelector("summary")?.focus();
  };
  const svg = () => svgOf(menu.current?.closest("section") ?? document.body);
  const files = [
    ["csv", "Table (CSV)", () => new Blob([csv()], { type: "text/csv" })],
    ["svg", "Picture (SVG)", () => new Blob([svg()], { type: "image/svg+xml" })],
    ["png", "Picture (PNG)", () => pngOf(svg())],
  ] as const;
  return (
    <details
      class="menu"
      ref={menu}
      onKeyDown={(event) => {
        if (event.key !== "Escape" || !menu.current?.open) return;
        menu.current.open = false;
        menu.current.querySelector("summary")?.focus();
      }}
    >
      <summary class="quiet">Download</summary>
      <div class="menu-items">
        {files.map(([ending, words, content]) => (
          <button key={ending} type="button" class="quiet" data-ending={ending} onClick={() => void saved(ending, content)()}>
            {words}
          </button>
        ))}
      </div>
    </details>
  );
}
