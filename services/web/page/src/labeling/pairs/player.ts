// Plays two videos as one: muted, in step and in a loop, with pause, seeking and single frames.

import { keepInStep, seekTo, START_S } from "../../clips/video";

// A pause on the last frame shows where a clip ends before it starts over.
const HOLD_MS = 250;
/** Assumed until the clip's own frame length is measured. */
const FRAME_S = 1 / 30;
// No clip has fewer than ten frames a second; longer gaps are frames that a busy screen dropped.
const LONGEST_FRAME_S = 0.12;
// This many frames of equal length settle the frame length: a busy screen may drop frames for a while.
const NUM_MEASURED = 20;
const SAME_LENGTH_S = 0.005;

type Videos = readonly HTMLVideoElement[];

interface PlayerOptions {
  /** Called for each screen frame with the share of the clips that has played. */
  onMoment: (share: number) => void;
  onPlaying: (isPlaying: boolean) => void;
}

/** Plays the two videos that it is given. */
export class Player {
  readonly #options: PlayerOptions;
  readonly #reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");
  #videos: Videos = [];
  #speed = 1;
  #isPlaying = false;
  #mayLoop = true;
  #holdTimer = 0;
  #frame = 0;
  #frameS = FRAME_S;

  constructor(options: PlayerOptions) {
    this.#options = options;
    document.addEventListener("visibilitychange", () => this.#onVisibility());
  }

  set speed(speed: number) {
    this.#speed = speed;
    for (const video of this.#videos) video.playbackRate = speed;
  }

  get videos(): Videos {
    return this.#videos;
  }

  /** Play two warmed-up videos from the start; with reduced motion they stay paused. */
  show(videos: Videos): void {
    this.hide();
    this.#videos = videos;
    for (const video of videos) video.classList.add("shown");
    if (this.#reducedMotion.matches) this.#setPlaying(false);
    else this.#play({ mayLoop: true, fromStart: true });
    this.#measureFrames();
    this.#schedule();
  }

  hide(): void {
    this.#stop();
    for (const video of this.#videos) {
      video.pause();
      video.classList.remove("shown");
    }
    this.#videos = [];
  }

  /** Play both from the start; with reduced motion, once. */
  replay(): void {
    this.#play({ mayLoop: !this.#reducedMotion.matches, fromStart: true });
  }

  /** Pause both, or continue from where they are. */
  togglePause(): void {
    if (this.#isPlaying) this.#pause();
    else this.#play({ mayLoop: !this.#reducedMotion.matches, fromStart: this.#videos.every((video) => video.ended) });
  }

  /** Pause both at a share of their length, 0 to 1. */
  seek(share: number): void {
    this.#pause();
    for (const video of this.#videos) seekTo(video, share * video.duration);
  }

  /** Pause both one frame later, or one frame earlier for -1. */
  step(direction: 1 | -1): void {
    this.#pause();
    for (const video of this.#videos) {
      const place = Math.floor(video.currentTime / this.#frameS + 1e-3) + direction;
      // The middle of the frame, where rounding can't lead to its neighbour.
      seekTo(video, (place + 0.5) * this.#frameS);
    }
  }

  onEnded(): void {
    if (!this.#isPlaying || this.#holdTimer || !this.#videos.every((video) => video.ended)) return;
    if (!this.#mayLoop) return this.#setPlaying(false);
    this.#holdTimer = setTimeout(() => this.#play({ mayLoop: true, fromStart: true }), HOLD_MS);
  }

  #play({ mayLoop, fromStart }: { mayLoop: boolean; fromStart: boolean }): void {
    this.#stop();
    this.#mayLoop = mayLoop;
    for (const video of this.#videos) {
      // Seeking takes some milliseconds even without moving, and a warmed-up video is in its first frame already.
      if (fromStart && video.currentTime > START_S) video.currentTime = 0;
      video.playbackRate = this.#speed;
    }
    this.#setPlaying(true);
    if (document.hidden) return;
    // A browser may refuse to play; the space bar then tries again.
    for (const video of this.#videos) if (fromStart || !video.ended) video.play().catch(() => {});
  }

  #pause(): void {
    this.#stop();
    for (const video of this.#videos) video.pause();
    this.#setPlaying(false);
  }

  #stop(): void {
    clearTimeout(this.#holdTimer);
    this.#holdTimer = 0;
  }

  #setPlaying(isPlaying: boolean): void {
    this.#isPlaying = isPlaying;
    this.#options.onPlaying(isPlaying);
  }

  #onVisibility(): void {
    if (document.hidden) for (const video of this.#videos) video.pause();
    else if (this.#isPlaying) this.#play({ mayLoop: this.#mayLoop, fromStart: true });
  }

  /** Measure the frame length while the video plays. */
  #measureFrames(): void {
    const [video] = this.#videos;
    if (!video) return;
    this.#frameS = FRAME_S;
    let [shortest, before, numShortest] = [LONGEST_FRAME_S, NaN, 0];
    const onFrame = (_: number, { mediaTime }: VideoFrameCallbackMetadata) => {
      if (video !== this.#videos[0]) return;
      const duration = mediaTime - before;
      before = mediaTime;
      // Dropped frames make the next one seem longer.
      if (duration > SAME_LENGTH_S && duration < shortest + SAME_LENGTH_S) {
        numShortest = duration < shortest - SAME_LENGTH_S ? 1 : numShortest + 1;
        shortest = Math.min(shortest, duration);
        this.#frameS = shortest;
      }
      if (numShortest < NUM_MEASURED) video.requestVideoFrameCallback(onFrame);
    };
    video.requestVideoFrameCallback(onFrame);
  }

  #tick(): void {
    const [left, right] = this.#videos;
    if (!left || !right) return;
    keepInStep(left, right, this.#speed);
    const lead = left.duration >= right.duration ? left : right;
    this.#options.onMoment(lead.duration ? lead.currentTime / lead.duration : 0);
    this.#schedule();
  }

  #schedule(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => this.#tick());
  }
}
