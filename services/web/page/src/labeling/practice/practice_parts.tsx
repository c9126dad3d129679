// The banner that marks a practice pair, and the explanation afterwards.

import { useLayoutEffect, useRef } from "preact/hooks";

import * as screen from "../screen";
import { practice } from "./practice";

/** Shown above a practice pair. */
export function PracticeLine() {
  const view = practice.value;
  if (!view) return null;
  return (
    <p class="banner practice" id="practice">
      <b>
        Practice {view.number} of {view.numPairs}
      </b>
      <span>answers aren’t sent</span>
      <button type="button" class="quiet" data-action="skip">
        Skip practice <kbd>R</kbd>
      </button>
    </p>
  );
}

/** Shown instead of the answers once a practice pair is answered. */
export function Explanation() {
  const view = practice.value;
  const button = useRef<HTMLButtonElement>(null);
  const isThere = Boolean(view?.verdict);
  useLayoutEffect(() => {
    // So that space and Enter continue.
    if (isThere) button.current?.focus();
  }, [isThere]);
  if (!view?.verdict) return null;
  const { isRight, obvious, explanation } = view.verdict;
  return (
    <div class="explanation" id="explanation" data-verdict={isRight ? "right" : "other"}>
      <p role="status">
        <b>{isRight ? "That’s right." : `Most people would say: ${screen.WORDS[obvious]}.`}</b> {explanation}
      </p>
      <button type="button" class="primary" ref={button} data-action="go-on">
        {view.number < view.numPairs ? "Next" : "Start labeling"} <kbd>space</kbd>
      </button>
    </div>
  );
}
