// The videos of pairs that are shown or soon will be.

import type { Pair, Side } from "./pair";
import { Player } from "./player";
import * as screen from "../screen";
import { moved, warmedUp } from "../../clips/video";

const SPEEDS = [0.25, 0.5, 0.75, 1, 1.5, 2];
const SPEED_KEY = "somersault.speed";

export interface StageElements {
  frames: Record<Side, HTMLElement>;
  /** The moment that both clips show. */
  slider: HTMLInputElement;
}

interface Clips {
  videos: readonly [HTMLVideoElement, HTMLVideoElement];
  /** Resolves once both can start within a frame; never if they are released first. */
  warm: Promise<unknown>;
  isWarm: boolean;
}

/** Owns the two frames and the videos in them. */
export class Stage {
  readonly player: Player;
  readonly #elements: StageElements;
  #clipsByPair = new Map<Pair, Clips>();
  #shown: Pair | null = null;
  #speed: number;

  constructor(elements: StageElements) {
    this.#elements = elements;
    const { slider } = elements;
    this.player = new Player({
      onMoment: (share) => (slider.valueAsNumber = share),
      onPlaying: (isPlaying) => (screen.isPlaying.value = isPlaying),
    });
    slider.addEventListener("input", () => this.player.seek(slider.valueAsNumber));
    // Once the pointer is released, the arrow keys answer again.
    slider.addEventListener("pointerup", () => slider.blur());
    const kept = Number(localStorage.getItem(SPEED_KEY));
    this.#speed = SPEEDS.includes(kept) ? kept : 1;
    this.player.speed = this.#speed;
  }

  /** How fast clips play; 1 is real time. */
  get speed(): number {
    return this.#speed;
  }

  /** Load a pair's clips off screen, up to their first frames. */
  async prepare(pair: Pair): Promise<void> {
    const clips = this.#clipsByPair.get(pair) ?? this.#createClips(pair);
    await clips.warm;
    clips.isWarm = true;
  }

  /** Return whether a pair's clips can be shown at once. */
  has(pair: Pair): boolean {
    return this.#clipsByPair.get(pair)?.isWarm ?? false;
  }

  /**
   * Show a prepared pair from its start and hide the previous one.
   *
   * `askedAt` is the time (performance.now) of the key press that asked for it, 0 if there was none.
   */
  show(pair: Pair, askedAt = 0): void {
    this.#shown = pair;
    const videos = this.#clipsByPair.get(pair)?.videos ?? [];
    if (askedAt) measure(videos, askedAt);
    this.player.show(videos);
  }

  /** Show nothing. */
  hide(): void {
    this.player.hide();
    this.#shown = null;
  }

  /** Release a pair's videos. */
  forget(pair: Pair): void {
    if (this.#shown === pair) this.hide();
    for (const video of this.#clipsByPair.get(pair)?.videos ?? []) {
      video.pause();
      video.remove();
      video.removeAttribute("src");
      video.load();
    }
    this.#clipsByPair.delete(pair);
  }

  /** Change to the next speed: up for 1, down for -1. */
  changeSpeed(direction: 1 | -1): void {
    const place = SPEEDS.indexOf(this.#speed) + direction;
    this.#speed = SPEEDS[Math.max(0, Math.min(SPEEDS.length - 1, place))] ?? 1;
    localStorage.setItem(SPEED_KEY, String(this.#speed));
    this.player.speed = this.#speed;
  }

  #createClips(pair: Pair): Clips {
    const left = this.#createVideo("left", pair.urls?.left ?? "");
    const right = this.#createVideo("right", pair.urls?.right ?? "");
    const clips = { videos: [left, right] as const, warm: Promise.all([warmedUp(left), warmedUp(right)]), isWarm: false };
    this.#clipsByPair.set(pair, clips);
    return clips;
  }

  #createVideo(side: Side, url: string): HTMLVideoElement {
    const video = document.createElement("video");
    video.muted = true;
    video.playsInline = true;
    video.disablePictureInPicture = true;
    video.preload = "auto";
    video.setAttribute("aria-label", side === "left" ? "Left clip" : "Right clip");
    video.addEventListener("ended", () => this.player.onEnded());
    video.src = url;
    this.#elements.frames[side].append(video);
    return video;
  }
}

/** Measure the time from a key press until both clips of the pair moved. */
function measure(videos: readonly HTMLVideoElement[], askedAt: number): void {
  void Promise.all(videos.map(moved)).then((times) => {
    performance.measure("key-to-moving", { start: askedAt, end: Math.max(...times) });
  });
}
