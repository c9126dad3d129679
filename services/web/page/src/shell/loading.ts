// Reads what a section shows, and says in words what went wrong.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";

import { call, callError } from "../connect/call";
import { askToLogIn } from "./shell";

export interface Loaded<Value> {
  /** The newest value; null before there is one. */
  value: Value | null;
  /** Why the last try failed; empty if it did not. */
  problem: string;
  reload: () => Promise<void>;
}

/** Loads something when the section opens, when `key` changes, and whenever it is asked to. */
export function useLoaded<Value>(key: string, load: () => Promise<Value>): Loaded<Value> {
  const [state, setState] = useState<{ key: string; value: Value | null; problem: string }>({
    key,
    value: null,
    problem: "",
  });
  const newest = useRef(key);
  newest.current = key;
  const reload = useCallback(async () => {
    try {
      const value = await load();
      // An answer to an older question must not replace a newer one.
      if (newest.current === key) setState({ key, value, problem: "" });
    } catch (error) {
      setState((before) => ({ ...before, key, problem: wordsOf(error) }));
    }
  }, [key]);
  useEffect(() => void reload(), [reload]);
  return { value: state.key === key ? state.value : null, problem: state.problem, reload };
}

/** Gives all rows of a list that comes in pages. */
export async function readAll<Row>(method: string, field: string, message: object = {}): Promise<Row[]> {
  const rows: Row[] = [];
  let pageToken = "";
  do {
    const page = await call<Record<string, unknown>>(method, { ...message, pageSize: 1000, pageToken });
    rows.push(...((page[field] as Row[] | undefined) ?? []));
    pageToken = (page["nextPageToken"] as string | undefined) ?? "";
  } while (pageToken);
  return rows;
}

/** Gives what went wrong in words; without a session it shows the login form. */
export function wordsOf(thrown: unknown): string {
  const error = callError(thrown);
  if (error.code === "unauthenticated") askToLogIn("Your token is no longer known. Log in again.");
  return error.message;
}
