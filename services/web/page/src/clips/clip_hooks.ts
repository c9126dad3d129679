// Hooks that fetch a clip once and tell whether an element is on screen.

import { useEffect, useState } from "preact/hooks";

import { get } from "../connect/call";

export interface Fetched {
  /** Where the browser keeps the clip; null before it has arrived. */
  url: string | null;
  problem: string;
}

/** Fetch the clip at `path` and keep it until the path changes. */
export function useClip(path: string | null): Fetched {
  const [clip, setClip] = useState<Fetched>({ url: null, problem: "" });
  useEffect(() => {
    if (path === null) return;
    const gone = new AbortController();
    let url: string | null = null;
    get(path, { signal: gone.signal })
      .then((response) => response.blob())
      .then(
        (blob) => {
          if (gone.signal.aborted) return;
          url = URL.createObjectURL(blob);
          setClip({ url, problem: "" });
        },
        (error: Error) => {
          if (!gone.signal.aborted) setClip({ url: null, problem: error.message });
        },
      );
    return () => {
      gone.abort();
      if (url) URL.revokeObjectURL(url);
      setClip({ url: null, problem: "" });
    };
  }, [path]);
  return clip;
}

/** Return whether an element is on screen; clips that are not need not play. */
export function useIsSeen(element: { current: Element | null }): boolean {
  const [isSeen, setSeen] = useState(false);
  useEffect(() => {
    if (!element.current) return;
    const observer = new IntersectionObserver(([entry]) => setSeen(entry?.isIntersecting ?? false));
    observer.observe(element.current);
    return () => observer.disconnect();
  }, []);
  return isSeen;
}

/** Return whether an element has ever been on screen; clips that never were need not be fetched. */
export function useWasSeen(element: { current: Element | null }): boolean {
  const isSeen = useIsSeen(element);
  const [wasSeen, setWasSeen] = useState(false);
  useEffect(() => {
    if (isSeen) setWasSeen(true);
  }, [isSeen]);
  return wasSeen;
}

export function wantsMotion(): boolean {
  return !matchMedia("(prefers-reduced-motion: reduce)").matches;
}
