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
