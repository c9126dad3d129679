// Reads something every few seconds while the tab is visible.

import { useEffect, useRef, useState } from "preact/hooks";

import { wordsOf } from "./loading";

export interface Polled<Value> {
  /** The newest value; null before there is one. */
  value: Value | null;
  /** Why the last attempt failed; empty if it didn't. */
  problem: string;
  /** Reads at once. */
  refresh: () => void;
}

/** Read something now and every `everyMs`; `read` gets the previous value, null for the first of a `key`. */
export function usePolled<Value>(
  key: string,
  everyMs: number,
  read: (before: Value | null) => Promise<Value>,
): Polled<Value> {
  const [state, setState] = useState<{ key: string; value: Value | null; problem: string }>({
    key,
    value: null,
    problem: "",
  });
  const wake = useRef(() => {});
  useEffect(() => {
    let isOver = false;
    let isAsking = false;
    let mustAskAgain = false;
    let value: Value | null = null;
    let timer = 0;
    const ask = async () => {
      clearTimeout(timer);
      // One request at a time; what is asked for meanwhile may have changed, so it is read again afterwards.
      mustAskAgain = isAsking;
      if (isAsking) return;
      isAsking = true;
      let problem = "";
      try {
        value = await read(value);
      } catch (error) {
        problem = wordsOf(error);
      }
      isAsking = false;
      if (isOver) return;
      setState({ key, value, problem });
      timer = window.setTimeout(tick, mustAskAgain ? 0 : everyMs);
    };
    const tick = () => {
      if (document.hidden) return;
      void ask();
    };
    wake.current = () => void ask();
    void ask();
    document.addEventListener("visibilitychange", tick);
    return () => {
      isOver = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", tick);
    };
  }, [key]);
  return {
    value: state.key === key ? state.value : null,
    problem: state.problem,
    refresh: () => wake.current(),
  };
}
