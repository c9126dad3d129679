// Which key does what. The same names stand in the page as data-action.

export type Action =
  | "left"
  | "right"
  | "equal"
  | "incomparable"
  | "replay"
  | "undo"
  | "keep"
  | "skip"
  | "slower"
  | "faster"
  | "guidelines"
  | "help";

const ACTIONS: Record<string, Action> = {
  ArrowLeft: "left",
  a: "left",
  1: "left",
  ArrowRight: "right",
  d: "right",
  2: "right",
  ArrowDown: "equal",
  s: "equal",
  ArrowUp: "incomparable",
  w: "incomparable",
  " ": "replay",
  Backspace: "undo",
  z: "undo",
  Escape: "keep",
  r: "skip",
  g: "guidelines",
  "[": "slower",
  "]": "faster",
  "?": "help",
};

/** Calls `onAction(name, time)` for each press of a known key, of a button with data-action, and for a tap on a clip. */
export function listen(onAction: (action: Action, time: number) => void): void {
  addEventListener("keydown", (event) => {
    const action = actionOf(event);
    if (!action) return;
    event.preventDefault();
    onAction(action, event.timeStamp);
  });
  document.addEventListener("click", (event) => {
    const pressed = (event.target as Element).closest<HTMLElement>("[data-action], [data-tap]");
    if (!pressed || (pressed instanceof HTMLButtonElement && pressed.disabled)) return;
    // A finger on a clip means that clip; a mouse that only clicks into the page means nothing.
    if (pressed.dataset["tap"] && (event as PointerEvent).pointerType !== "touch") return;
    // After a click or a tap the space bar must replay, not press the same answer again.
    if (event.detail > 0) pressed.blur();
    onAction((pressed.dataset["action"] ?? pressed.dataset["tap"]) as Action, event.timeStamp);
  });
}

function actionOf(event: KeyboardEvent): Action | null {
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return null;
  const target = event.target instanceof Element ? event.target : null;
  if (document.querySelector("dialog[open]") || target?.closest("input, textarea")) return null;
  // Space and Enter press what has the focus, as everywhere.
  if (event.key === " " && target?.closest("button, a")) return null;
  return ACTIONS[event.key] ?? ACTIONS[event.key.toLowerCase()] ?? null;
}
