// What each key and button does.

import { tryNow } from "../connect/backoff";
import * as ownAnswers from "./answers/own_answers";
import { ending } from "./run/ending";
import type { Action } from "./keys";
import type { Labeling } from "./labeling";
import { PREFERENCES, type Preference } from "./pairs/pair";
import { reveal } from "./reveal/reveal";
import * as screen from "./screen";
import { isGoalOpen } from "./session/goal";
import type { Stage } from "./pairs/stage";

/** Carries out what keys and buttons ask for. */
export class Actions {
  readonly #labeling: Labeling;
  readonly #stage: Stage;

  constructor(labeling: Labeling, stage: Stage) {
    this.#labeling = labeling;
    this.#stage = stage;
    screen.speed.value = stage.speed;
  }

  /** Carry out an action; `time` is when its key or button was pressed. */
  act(action: Action, time: number): void {
    if (!this.#labeling.isOpen) return;
    if (isPreference(action)) this.#labeling.answer(action, time);
    else if (action === "keep") this.#labeling.keep(time);
    else this.#others[action]();
  }

  readonly #others: Record<Exclude<Action, Preference | "keep">, () => void> = {
    undo: () => void this.#labeling.undo(),
    skip: () => this.#labeling.skip(),
    replay: () => this.#replay(),
    pause: () => this.#stage.player.togglePause(),
    "frame-back": () => this.#stage.player.step(-1),
    "frame-forward": () => this.#stage.player.step(1),
    slower: () => this.#changeSpeed(-1),
    faster: () => this.#changeSpeed(1),
    fullscreen: () => void toggleFullScreen(),
    guidelines: () => this.#labeling.guidelines.open(),
    answers: () => this.#openAnswers(),
    goal: () => void (isGoalOpen.value = true),
    practise: () => this.#practise(),
    "go-on": () => void this.#labeling.practice.goOn(),
    dismiss: () => this.#dismiss(),
    "try-now": () => tryNow(),
    help: () => void (screen.isHelpOpen.value = true),
  };

  #replay(): void {
    // Once a practice pair is explained, the space bar continues, wherever the focus is.
    if (!this.#labeling.practice.goOn()) this.#stage.player.replay();
  }

  #changeSpeed(direction: 1 | -1): void {
    this.#stage.changeSpeed(direction);
    screen.speed.value = this.#stage.speed;
  }

  #openAnswers(): void {
    if (ending.value) return;
    ownAnswers.isOpen.value = true;
    void ownAnswers.readFirst(this.#labeling.runId);
  }

  #practise(): void {
    screen.isHelpOpen.value = false;
    void this.#labeling.practise();
  }

  #dismiss(): void {
    if (reveal.value) this.#labeling.reveal.dismiss();
    else screen.hint.value = "";
  }
}

function isPreference(action: Action): action is Preference {
  return action in PREFERENCES;
}

async function toggleFullScreen(): Promise<void> {
  try {
    if (document.fullscreenElement) await document.exitFullscreen();
    else await document.documentElement.requestFullscreen();
  } catch {
    screen.say("This browser doesn’t allow full screen.");
  }
}
