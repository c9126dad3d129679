// What the labeling page shows, as signals: the page follows whatever is written to them.

import { signal } from "@preact/signals";

import type { Stats } from "../connect/messages";
import type { Preference } from "./pairs/pair";
import type { Reason } from "./run/empty_reason";

export const WORDS: Record<Preference, string> = {
  left: "left is better",
  right: "right is better",
  equal: "equal",
  incomparable: "can’t compare",
};

const PRESSED_MS = 160;

export interface Counts {
  /** The labeler's own answers in the run. */
  numOwn: number;
  /** Queries of the run that are answered. */
  numRun: number;
  /** The labeler's own pace; null before there is one. */
  perMinute: number | null;
  /** The same, once it covers enough answers to predict the next ones. */
  perMinuteTrusted: number | null;
}

export interface Saving {
  numWaiting: number;
  numRefused: number;
  isUnreachable: boolean;
}

export const question = signal("Which is better?");
export const isPairThere = signal(false);
export const empty = signal<Reason>({ title: "One moment", reason: "Checking with the run." });
/** Whether the run is stopped: answers given now count once it is resumed. */
export const isStopped = signal(false);
export const stats = signal<Stats | null>(null);
export const counts = signal<Counts>({ numOwn: 0, numRun: 0, perMinute: null, perMinuteTrusted: null });
export const saving = signal<Saving | null>(null);
/** The answer that is being changed. */
export const revising = signal<Preference | null>(null);
export const can = signal({ answer: false, undo: false, skip: false });
/** The answer whose button looks pressed. */
export const pressed = signal<Preference | null>(null);
export const speed = signal(1);
/** Whether the clips play, or would if the tab were visible. */
export const isPlaying = signal(false);
/** A hint until it is dismissed: a goal that was reached, a break. */
export const hint = signal("");
/** The run that the pair on screen belongs to. */
export const runId = signal("");
export const isHelpOpen = signal(false);
/** What happened last. */
export const note = signal("");
/** The same for screen readers. */
export const announcement = signal("");

let pressedTimer = 0;

/** Make a button look pressed for a moment when its key was. */
export function flash(preference: Preference): void {
  pressed.value = preference;
  clearTimeout(pressedTimer);
  pressedTimer = setTimeout(() => (pressed.value = null), PRESSED_MS);
}

/** Say something once, on screen and to screen readers. */
export function say(sentence: string): void {
  note.value = sentence;
  announcement.value = sentence;
}
