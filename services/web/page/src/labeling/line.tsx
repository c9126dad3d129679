// The line between the question and the pair: what to judge by, or a note about this pair.

import { practice } from "./practice/practice";
import { PracticeLine } from "./practice/practice_parts";
import * as screen from "./screen";
import { Gist } from "./session/gist";

export function Line() {
  const preference = screen.revising.value;
  if (preference !== null) {
    return (
      <p class="banner revising" id="revising">
        <span id="revising-text">You answered: {screen.WORDS[preference]}. Answer again to change it.</span>
        <button type="button" class="quiet" data-action="keep">
          Keep it <kbd>Esc</kbd>
        </button>
      </p>
    );
  }
  if (practice.value) return <PracticeLine />;
  if (screen.hint.value) {
    return (
      <p class="banner hint" id="hint" role="status">
        <span>{screen.hint}</span>
        <button type="button" class="quiet" data-action="dismiss">
          Close <kbd>X</kbd>
        </button>
      </p>
    );
  }
  if (screen.isStopped.value && screen.isPairThere.value) {
    return <p class="banner">The run is stopped. It will learn from your answers once it is resumed.</p>;
  }
  return <Gist />;
}
