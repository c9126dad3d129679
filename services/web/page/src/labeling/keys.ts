// Which key does what. Buttons name the same actions in data-action.

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
  | "pause"
  | "frame-back"
  | "frame-forward"
  | "fullscreen"
  | "guidelines"
  | "answers"
  | "goal"
  | "practise"
  | "go-on"
  | "dismiss"
  | "try-now"
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
  Enter: "go-on",
  r: "skip",
  g: "guidelines",
  h: "answers",
  p: "pause",
  k: "pause",
  ",": "frame-back",
  ".": "frame-forward",
  f: "fullscreen",
  x: "dismiss",
  "[": "slower",
  "]": "faster",
  "?": "help",
};

// A click that brings the window to the front is meant for the window, and one on a pair that has just appeared for the
// previous pair.
const FRONT_MS = 300;
const NEW_MS = 300;
/** How far the mouse must move after a click before hovering counts again, in CSS pixels. */
const MOVED_PX = 6;

/** Keys that a slider needs itself. */
const SLIDER_KEYS = /^(Arrow|Home|End|Page)/;

/** Call `onAction(action, time)` for each press of a known key, a button with data-action, or a clip. */
export function listen(onAction: (action: Action, time: number) => void): void {
  let frontAt = -Infinity;
  let changedAt = -Infinity;
  addEventListener("focus", () => (frontAt = performance.now()));
  addEventListener("keydown", (event) => {
    const action = actionOf(event);
    if (!action) return;
    event.preventDefault();
    onAction(action, event.timeStamp);
  });
  document.addEventListener("click", (event) => {
    const pressed = (event.target as Element).closest<HTMLElement>("[data-action], [data-clip]");
    if (!pressed || (pressed instanceof HTMLButtonElement && pressed.disabled)) return;
    const clip = pressed.dataset["clip"];
    if (clip && (event.timeStamp - frontAt < FRONT_MS || event.timeStamp - changedAt < NEW_MS)) return;
    // After a click or a tap the space bar must replay, not press the same answer again.
    if (event.detail > 0) pressed.blur();
    if (clip || pressed.classList.contains("answer")) {
      changedAt = event.timeStamp;
      calmPointer(event);
    }
    onAction((pressed.dataset["action"] ?? clip) as Action, event.timeStamp);
  });
}

/** Disable hover effects until the pointer moves: the next pair hasn't been looked at yet. */
function calmPointer({ clientX, clientY }: MouseEvent): void {
  const root = document.documentElement;
  root.dataset["pointer"] = "still";
  const gone = new AbortController();
  const onMove = (event: PointerEvent) => {
    if (Math.hypot(event.clientX - clientX, event.clientY - clientY) < MOVED_PX) return;
    delete root.dataset["pointer"];
    gone.abort();
  };
  addEventListener("pointermove", onMove, { signal: gone.signal, passive: true });
}

function actionOf(event: KeyboardEvent): Action | null {
  if (event.repeat && !isFrameKey(event.key)) return null;
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  const target = event.target instanceof Element ? event.target : null;
  if (document.querySelector("dialog[open]")) return null;
  const field = target?.closest<HTMLInputElement>("input, textarea");
  if (field && (field.type !== "range" || SLIDER_KEYS.test(event.key))) return null;
  // Space and Enter press the focused element, as everywhere.
  if ((event.key === " " || event.key === "Enter") && target?.closest("button, a, video[controls]")) return null;
  return ACTIONS[event.key] ?? ACTIONS[event.key.toLowerCase()] ?? null;
}

function isFrameKey(key: string): boolean {
  return key === "," || key === ".";
}
