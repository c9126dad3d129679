// Plays the two clips of a pair side by side: muted, in step, again and again.

import type { Pair, Side } from "./pair";
import { keepInStep, moved, START_S, warmedUp } from "./video";

const SPEEDS = [0.25, 0.5, 0.75, 1, 1.5, 2];
const SPEED_KEY = "somersault.speed";

// A moment on the last frame shows where a clip ends before it begins again.
const HOLD_MS = 250;

export interface StageElements {
  frames: Record<Side, HTMLElement>;
  progress: HTMLElement;
}

interface Clips {
  videos: readonly [HTMLVideoElement, HTMLVideoElement];
  /** Done once both can start within a frame; never if they are let go of before. */
  warm: Promise<unknown>;
  isWarm: boolean;
}

/** Owns the two frames and the videos in them. */
export class Stage {
  readonly #elements: StageElements;
  #clipsByPair = new Map<Pair, Clips>();
  #shown: Pair | null = null;
  #speed: number;
  #holdTimer = 0;
  #frame = 0;
  #mayLoop = true;
  readonly #reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

  constructor(elements: StageElements) {
    this.#elements = elements;
    const kept = Number(localStorage.getItem(SPEED_KEY));
    this.#speed = SPEEDS.includes(kept) ? kept : 1;
    document.addEventListener("visibilitychange", () => this.#onVisibility());
  }

  /** How fast clips play; 1 is real time. */
  get speed(): number {
    return this.#speed;
  }

  /** Loads a pair's clips out of sight, up to their first frames. */
  async prepare(pair: Pair): Promise<void> {
    const clips = this.#clipsByPair.get(pair) ?? this.#createClips(pair);
    await clips.warm;
    clips.isWarm = true;
  }

  /** True if a pair's clips can be shown at once. */
  has(pair: Pair): boolean {
    return this.#clipsByPair.get(pair)?.isWarm ?? false;
  }

  /**
   * Shows a prepared pair from its start and hides the one before.
   *
   * `askedAt` is the time (performance.now) of the key press that asked for it, 0 if none did.
   */
  show(pair: Pair, askedAt = 0): void {
    this.hide();
    this.#shown = pair;
    for (const video of this.#videos) video.classList.add("shown");
    if (askedAt) this.#measure(askedAt);
    if (!this.#reducedMotion.matches) this.#play({ mayLoop: true });
    this.#schedule();
  }

  /** Shows nothing. */
  hide(): void {
    clearTimeout(this.#holdTimer);
    this.#holdTimer = 0;
    for (const video of this.#videos) {
      video.pause();
      video.classList.remove("shown");
    }
    this.#shown = null;
  }

  /** Lets go of a pair's videos. */
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

  /** Plays both from the start; with reduced motion, once. */
  replay(): void {
    this.#play({ mayLoop: !this.#reducedMotion.matches });
  }

  /** Takes the next speed: up for 1, down for -1. */
  changeSpeed(direction: 1 | -1): void {
    const place = SPEEDS.indexOf(this.#speed) + direction;
    this.#speed = SPEEDS[Math.max(0, Math.min(SPEEDS.length - 1, place))] ?? 1;
    localStorage.setItem(SPEED_KEY, String(this.#speed));
    for (const video of this.#videos) video.playbackRate = this.#speed;
  }

  get #videos(): readonly HTMLVideoElement[] {
    return (this.#shown && this.#clipsByPair.get(this.#shown)?.videos) ?? [];
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
    video.addEventListener("ended", () => this.#onEnded());
    video.src = url;
    this.#elements.frames[side].append(video);
    return video;
  }

  #play({ mayLoop }: { mayLoop: boolean }): void {
    clearTimeout(this.#holdTimer);
    this.#holdTimer = 0;
    this.#mayLoop = mayLoop;
    for (const video of this.#videos) {
      // Seeking costs some milliseconds even to where it stands: a warm video stands in its first picture.
      if (video.currentTime > START_S) video.currentTime = 0;
      video.playbackRate = this.#speed;
    }
    if (document.hidden) return;
    // A browser may refuse to play; the space bar then asks again.
    for (const video of this.#videos) video.play().catch(() => {});
  }

  #onEnded(): void {
    const videos = this.#videos;
    if (!this.#mayLoop || this.#holdTimer || !videos.every((video) => video.ended)) return;
    this.#holdTimer = setTimeout(() => this.#play({ mayLoop: true }), HOLD_MS);
  }

  #onVisibility(): void {
    if (document.hidden) {
      for (const video of this.#videos) video.pause();
    } else if (!this.#reducedMotion.matches) {
      this.#play({ mayLoop: true });
    }
  }

  #tick(): void {
    const [left, right] = this.#videos;
    if (!left || !right) return;
    keepInStep(left, right, this.#speed);
    const lead = left.duration >= right.duration ? left : right;
    const share = lead.duration ? lead.currentTime / lead.duration : 0;
    this.#elements.progress.style.transform = `scaleX(${share})`;
    this.#schedule();
  }

  #schedule(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => this.#tick());
  }

  /** Records how long it took from a key press until both clips of the pair moved. */
  #measure(askedAt: number): void {
    void Promise.all(this.#videos.map(moved)).then((times) => {
      performance.measure("key-to-moving", { start: askedAt, end: Math.max(...times) });
    });
  }
}
