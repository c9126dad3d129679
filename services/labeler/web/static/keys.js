// Which key does what. The same names stand in the page as data-action.

const ACTIONS = {
  ArrowLeft: "left", a: "left", 1: "left",
  ArrowRight: "right", d: "right", 2: "right",
  ArrowDown: "equal", s: "equal",
  ArrowUp: "incomparable", w: "incomparable",
  " ": "replay",
  Backspace: "undo", z: "undo",
  Escape: "keep",
  r: "skip",
  "[": "slower", "]": "faster",
  "?": "help",
};

/** Calls `onAction(name, time)` for each press of a known key, and of a button with data-action. */
export function listen(onAction) {
  addEventListener("keydown", (event) => {
    const action = actionOf(event);
    if (!action) return;
    event.preventDefault();
    onAction(action, event.timeStamp);
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-action]");
    if (!button || button.disabled) return;
    // After a click or a tap the space bar must replay, not press the same answer again.
    if (event.detail > 0) button.blur();
    onAction(button.dataset.action, event.timeStamp);
  });
}

function actionOf(event) {
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return null;
  if (document.querySelector("dialog[open]") || event.target.closest?.("input, textarea")) return null;
  // Space and Enter press the button that has the focus, as everywhere.
  if (event.key === " " && event.target.closest?.("button")) return null;
  return ACTIONS[event.key] ?? ACTIONS[event.key.toLowerCase()] ?? null;
}
