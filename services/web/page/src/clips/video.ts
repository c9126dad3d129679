// What video elements need to start at once and to stay in step.

// Within a frame at 30 frames/s nobody sees a difference; further apart the faster one waits a little.
const DRIFT_S = 0.025;
const FAR_DRIFT_S = 0.3;

/** Where a warm video stands: late in its first picture, so that the second one comes that much sooner.
 *
 * Clips have at most 30 pictures a second, so all of the first one is still to be seen.
 */
export const START_S = 0.025;

/** Slows down the one that is ahead, or sets it back if it is far ahead. */
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
// The last picture, not the end: what has ended starts over when it plays.
const BEFORE_END_S = 0.01;

/** Move a video to a moment, s; of moments asked for while it still moves, only the last one counts. */
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

/** Loads a video and sets its decoder going for a moment: what is warm starts within a frame of a key press. */
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

/** Gives the time at which a warm video that was set going has put another picture on the screen than its first. */
export function moved(video: HTMLVideoElement): Promise<number> {
  return new Promise((resolve) => {
    const onFrame = (now: number, { mediaTime }: VideoFrameCallbackMetadata) => {
      if (mediaTime > START_S) resolve(now);
      else video.requestVideoFrameCallback(onFrame);
    };
    video.requestVideoFrameCallback(onFrame);
  });
}
