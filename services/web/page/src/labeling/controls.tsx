// The buttons, each labelled with its keys.

import type { Preference } from "./pairs/pair";
import { Explanation } from "./practice/practice_parts";
import { practice } from "./practice/practice";
import * as screen from "./screen";

const ANSWERS: readonly { preference: Preference; words: string; keys: readonly string[] }[] = [
  { preference: "left", words: "Left is better", keys: ["←", "A", "1"] },
  { preference: "equal", words: "Equal", keys: ["↓", "S"] },
  { preference: "incomparable", words: "Can’t compare", keys: ["↑", "W"] },
  { preference: "right", words: "Right is better", keys: ["→", "D", "2"] },
];

/** The four answers, or the explanation of a practice pair. */
export function Answers() {
  const revising = screen.revising.value;
  const canAnswer = screen.can.value.answer;
  if (practice.value?.verdict) return <Explanation />;
  return (
    <div class="answers" role="group" aria-label="Your answer">
      {ANSWERS.map(({ preference, words, keys }) => (
        <button
          key={preference}
          type="button"
          class={`answer ${preference}${screen.pressed.value === preference ? " pressed" : ""}`}
          data-action={preference}
          disabled={!canAnswer}
          aria-pressed={revising === null ? undefined : revising === preference}
        >
          <span>{words}</span>
          <span class="keys">
            {keys.map((key) => (
              <kbd key={key}>{key}</kbd>
            ))}
          </span>
        </button>
      ))}
    </div>
  );
}

/** The other tools: undo, skip, review answers, full screen. */
export function Tools() {
  const { undo, skip } = screen.can.value;
  return (
    <div class="tools" role="group" aria-label="More">
      <button type="button" class="quiet" data-action="undo" disabled={!undo}>
        Undo <kbd>Z</kbd>
      </button>
      <button type="button" class="quiet" data-action="skip" disabled={!skip}>
        Skip <kbd>R</kbd>
      </button>
      <button type="button" class="quiet" data-action="answers">
        Your answers <kbd>H</kbd>
      </button>
      {document.fullscreenEnabled ? (
        <button type="button" class="quiet" data-action="fullscreen">
          Full screen <kbd>F</kbd>
        </button>
      ) : null}
      <p class="note" id="note">
        {screen.note}
      </p>
    </div>
  );
}
