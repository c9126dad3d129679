// A small card that shows what the agent does now, without interrupting labeling.

import { short } from "../../shell/words";
import { reveal } from "./reveal";

export function RevealCard() {
  if (!reveal.value) return null;
  const { url, envSteps } = reveal.value;
  const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
  return (
    <aside class="reveal" id="reveal" aria-label="What the agent does now">
      <video src={url} autoplay={!isStill} controls={isStill} loop muted playsInline />
      <p>
        <b>What the agent does now</b>
        {envSteps ? <span> after {short(envSteps)} steps</span> : null}
      </p>
      <button type="button" class="quiet" data-action="dismiss">
        Close <kbd>X</kbd>
      </button>
    </aside>
  );
}
