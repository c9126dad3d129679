// A small still of a policy's clip that plays while it is pointed at or its button has the focus.

import { useEffect, useRef } from "preact/hooks";

import type { PolicyClip } from "../connect/messages";
import { useClip, useWasSeen, wantsMotion } from "./clip_hooks";

import "./clips.css";

export function PolicyThumb({ clip }: { clip: Pick<PolicyClip, "clipUrl"> }) {
  const frame = useRef<HTMLSpanElement>(null);
  const video = useRef<HTMLVideoElement>(null);
  const { url, problem } = useClip(useWasSeen(frame) ? (clip.clipUrl ?? null) : null);
  useEffect(() => {
    // The still itself is small: pointing anywhere at its button or row counts.
    const target = frame.current?.closest("button, tr, a");
    if (!target) return;
    const play = () => {
      if (wantsMotion()) void video.current?.play().catch(() => {});
    };
    const stop = () => video.current?.pause();
    const events: [string, () => void][] = [
      ["pointerenter", play],
      ["focusin", play],
      ["pointerleave", stop],
      ["focusout", stop],
    ];
    for (const [name, listener] of events) target.addEventListener(name, listener);
    return () => {
      for (const [name, listener] of events) target.removeEventListener(name, listener);
    };
  }, []);
  return (
    <span class="policy-thumb" ref={frame} title={problem || undefined}>
      <video
        ref={video}
        src={url ?? undefined}
        muted
        loop
        playsInline
        preload="auto"
        tabIndex={-1}
        aria-hidden="true"
        // The first frame is the same in every clip; what was learned shows later.
        onLoadedMetadata={(event) => (event.currentTarget.currentTime = event.currentTarget.duration / 2)}
      />
    </span>
  );
}
