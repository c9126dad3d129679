// Plays the two clips of a pair side by side: muted, in step, again and again.

const SIDES = ["left", "right"];
const SPEEDS = [0.25, 0.5, 0.75, 1, 1.5, 2];
const SPEED_KEY = "somersault.speed";

// A moment on the last frame shows where a clip ends before it begins again.
const HOLD_MS = 250;

// Within a frame at 30 frames/s nobody sees a difference; further apart the faster one waits a little.
const DRIFT_S = 0.025;
const FAR_DRIFT_S = 0.3;

/** Owns the two frames and the videos in them. */
export class Stage {
  #frames;
  #progress;
  #videosByPair = new Map();
  #shown = null;
  #speed;
  #holdTimer = 0;
  #frame = 0;
  #mayLoop = true;
  #reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

  constructor({ frames, progress }) {
    this.#frames = frames;
    this.#progress = progress;
    this.#speed = SPEEDS.includes(Number(localStorage.getItem(SPEED_KEY))) ? Number(localStorage.getItem(SPEED_KEY)) : 1;
    document.addEventListener("visibilitychange", () => this.#onVisibility());
  }

  /** How fast clips play; 1 is real time. */
  get speed() {
    return this.#speed;
  }

  /** Loads a pair's clips out of sight, up to their first frames. */
  async prepare(pair) {
    const videos = SIDES.map((side) => this.#createVideo(side, pair.urls[side]));
    this.#videosByPair.set(pair, videos);
    await Promise.all(videos.map(warmedUp));
  }

  /** True if a pair's clips are loaded. */
  has(pair) {
    return this.#videosByPair.has(pair);
  }

  /**
   * Shows a prepared pair from its start and hides the one before.
   *
   * `askedAt` is the time (performance.now) of the key press that asked for it, 0 if none did.
   */
  show(pair, askedAt = 0) {
    this.hide();
    this.#shown = pair;
    for (const video of this.#videos) video.classList.add("shown");
    if (askedAt) this.#measure(askedAt);
    if (!this.#reducedMotion.matches) this.#play({ mayLoop: true });
    this.#schedule();
  }

  /** Shows nothing. */
  hide() {
    clearTimeout(this.#holdTimer);
    this.#holdTimer = 0;
    for (const video of this.#videos) {
      video.pause();
      video.classList.remove("shown");
    }
    this.#shown = null;
  }

  /** Lets go of a pair's videos. */
  forget(pair) {
    if (this.#shown === pair) this.hide();
    for (const video of this.#videosByPair.get(pair) ?? []) {
      video.pause();
      video.remove();
      video.removeAttribute("src");
      video.load();
    }
    this.#videosByPair.delete(pair);
  }

  /** Plays both from the start; with reduced motion, once. */
  replay() {
    this.#play({ mayLoop: !this.#reducedMotion.matches });
  }

  /** Takes the next speed: up for 1, down for -1. */
  changeSpeed(direction) {
    const place = SPEEDS.indexOf(this.#speed) + direction;
    this.#speed = SPEEDS[Math.max(0, Math.min(SPEEDS.length - 1, place))];
    localStorage.setItem(SPEED_KEY, String(this.#speed));
    for (const video of this.#videos) video.playbackRate = this.#speed;
  }

  get #videos() {
    return this.#videosByPair.get(this.#shown) ?? [];
  }

  #createVideo(side, url) {
    const video = document.createElement("video");
    video.muted = true;
    video.playsInline = true;
    video.disablePictureInPicture = true;
    video.preload = "auto";
    video.setAttribute("aria-label", side === "left" ? "Left clip" : "Right clip");
    video.addEventListener("ended", () => this.#onEnded());
    video.src = url;
    this.#frames[side].append(video);
    return video;
  }

  #play({ mayLoop }) {
    clearTimeout(this.#holdTimer);
    this.#holdTimer = 0;
    this.#mayLoop = mayLoop;
    for (const video of this.#videos) {
      // Seeking costs some milliseconds even to where it stands.
      if (video.currentTime > 0) video.currentTime = 0;
      video.playbackRate = this.#speed;
    }
    if (document.hidden) return;
    // A browser may refuse to play; the space bar then asks again.
    for (const video of this.#videos) video.play().catch(() => {});
  }

  #onEnded() {
    const videos = this.#videos;
    if (!this.#mayLoop || this.#holdTimer || !videos.every((video) => video.ended)) return;
    this.#holdTimer = setTimeout(() => this.#play({ mayLoop: true }), HOLD_MS);
  }

  #onVisibility() {
    if (document.hidden) {
      for (const video of this.#videos) video.pause();
    } else if (!this.#reducedMotion.matches) {
      this.#play({ mayLoop: true });
    }
  }

  #tick() {
    const videos = this.#videos;
    if (videos.length === 0) return;
    keepInStep(videos, this.#speed);
    const lead = videos[0].duration >= videos[1].duration ? videos[0] : videos[1];
    this.#progress.style.transform = `scaleX(${lead.duration ? lead.currentTime / lead.duration : 0})`;
    this.#schedule();
  }

  #schedule() {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => this.#tick());
  }

  /** Records how long it took from a key press until both clips of the pair moved. */
  #measure(askedAt) {
    const moving = this.#videos.map(moved);
    Promise.all(moving).then((times) => {
      performance.measure("key-to-moving", { start: askedAt, end: Math.max(...times) });
    });
  }
}

function keepInStep([one, other], speed) {
  if (one.paused || other.paused || one.ended || other.ended) return;
  const drift = one.currentTime - other.currentTime;
  if (Math.abs(drift) > FAR_DRIFT_S) {
    (drift > 0 ? one : other).currentTime = (drift > 0 ? other : one).currentTime;
    return;
  }
  one.playbackRate = drift > DRIFT_S ? speed * 0.85 : speed;
  other.playbackRate = drift < -DRIFT_S ? speed * 0.85 : speed;
}

/** Loads a video and sets its decoder going for a moment: what is warm starts within a frame of a key press. */
async function warmedUp(video) {
  await loaded(video);
  await video.play().catch(() => {});
  video.pause();
  if (video.currentTime === 0) return;
  const isBack = new Promise((resolve) => video.addEventListener("seeked", resolve, { once: true }));
  video.currentTime = 0;
  await isBack;
}

function loaded(video) {
  return new Promise((resolve, reject) => {
    if (video.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA) return resolve();
    video.addEventListener("canplay", resolve, { once: true });
    video.addEventListener("error", () => reject(new Error("the clip can’t be played")), { once: true });
  });
}

/** Gives the time at which a video has put a second picture on the screen. */
function moved(video) {
  return new Promise((resolve) => {
    let first = null;
    const onFrame = (now, { mediaTime }) => {
      first ??= mediaTime;
      if (mediaTime > first) resolve(now);
      else video.requestVideoFrameCallback(onFrame);
    };
    video.requestVideoFrameCallback(onFrame);
  });
}
