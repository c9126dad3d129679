// The buttons, each with its keys on it.

import { guidelines } from "./guidelines_book";
import type { Preference } from "./pair";
import * as screen from "./screen";

const ANSWERS: readonly { preference: Preference; words: string; keys: readonly string[] }[] = [
  { preference: "left", words: "Left is better", keys: ["←", "A", "1"] },
  { preference: "equal", words: "Equal", keys: ["↓", "S"] },
  { preference: "incomparable", words: "Can’t compare", keys: ["↑", "W"] },
  { preference: "right", words: "Right is better", keys: ["→", "D", "2"] },
];

/** The four answers. */
export function Answers() {
  const revising = screen.revising.value;
  const canAnswer = screen.can.value.answer;
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

/** What else can be done: undo, replay, speed, skip, guidelines. */
export function Tools() {
  const { answer, undo, skip } = screen.can.value;
  return (
    <div class="tools" role="group" aria-label="Playing and undoing">
      <button type="button" class="quiet" data-action="undo" disabled={!undo}>
        Undo <kbd>Z</kbd>
      </button>
      <button type="button" class="quiet" data-action="replay" disabled={!answer}>
        Replay <kbd>space</kbd>
      </button>
      <span class="speed" role="group" aria-label="Speed">
        <button type="button" class="quiet" data-action="slower" aria-label="Slower">
          <kbd>[</kbd>
        </button>
        <output id="speed">{screen.speed}×</output>
        <button type="button" class="quiet" data-action="faster" aria-label="Faster">
          <kbd>]</kbd>
        </button>
      </span>
      <button type="button" class="quiet" data-action="skip" disabled={!skip}>
        Skip <kbd>R</kbd>
      </button>
      {guidelines.value ? (
        <button type="button" class="quiet" data-action="guidelines">
          Guidelines <kbd>G</kbd>
        </button>
      ) : null}
    </div>
  );
}
