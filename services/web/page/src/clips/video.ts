// What video elements need to start at once and to stay in step.

// A difference within one frame at 30 frames/s can’t be seen; beyond that the faster video waits a little.
const DRIFT_S = 0.025;
const FAR_DRIFT_S = 0.3;

/**
 * Where a warmed-up video is paused: late in its first frame, so that the second frame comes that much sooner.
 *
 * Clips have at most 30 frames a second, so the first frame is still the one on screen.
 */
export const START_S = 0.025;

/** Slow down whichever video is ahead, or set it back if it is far ahead. */
export function keepInStep(one: HTMLVideoElement, other: HTMLVideoElement, speed: number): void {
  if (one.paused || other.paused || one.ended || other.ended) return;
  const drift = one.currentTime - other.currentTime;
  if (Math.abs(drift) > FAR_DRIFT_S) {
    const [ahead, behind] = drift > 0 ? [one, other] : [other, one];
    ahead.currentTime = behind.currentTime;
    return;
  }
  one.playbackRate = drift > DRIFT_S ? speed * 0.85 : speed;
  other.playbackRate = drift < -DRIFT_S ? speed * 0.85 : speed;
}

const NEXT_TARGETS = new WeakMap<HTMLVideoElement, number>();
// The last frame, not the end: a video that has ended would start over when played.
const BEFORE_END_S = 0.01;

/** Move a video to a moment in seconds; of the moments asked for while it is still seeking, only the last one counts. */
export function seekTo(video: HTMLVideoElement, timeS: number): void {
  const target = Math.max(0, Math.min(timeS, video.duration - BEFORE_END_S));
  if (!Number.isFinite(target)) return;
  if (!video.seeking) {
    video.currentTime = target;
    return;
  }
  const isAwaited = NEXT_TARGETS.has(video);
  NEXT_TARGETS.set(video, target);
  if (isAwaited) return;
  const onSeeked = () => {
    const next = NEXT_TARGETS.get(video);
    NEXT_TARGETS.delete(video);
    if (next !== undefined) video.currentTime = next;
  };
  video.addEventListener("seeked", onSeeked, { once: true });
}

/** Load a video and run its decoder for a moment, so that it starts within a frame of a key press. */
export async function warmedUp(video: HTMLVideoElement): Promise<void> {
  await loaded(video);
  await video.play().catch(() => {});
  video.pause();
  const isThere = new Promise((resolve) => video.addEventListener("seeked", resolve, { once: true }));
  video.currentTime = START_S;
  await isThere;
}

function loaded(video: HTMLVideoElement): Promise<void> {
  return new Promise((resolve, reject) => {
    if (video.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA) return resolve();
    video.addEventListener("canplay", () => resolve(), { once: true });
    video.addEventListener("error", () => reject(new Error("the clip can’t be played")), { once: true });
  });
}

/** Return the time at which a warmed-up video that has been started shows its second frame. */
export function moved(video: HTMLVideoElement): Promise<number> {
  return new Promise((resolve) => {
    const onFrame = (now: number, { mediaTime }: VideoFrameCallbackMetadata) => {
      if (mediaTime > START_S) resolve(now);
      else video.requestVideoFrameCallback(onFrame);
    };
    video.requestVideoFrameCallback(onFrame);
  });
}
