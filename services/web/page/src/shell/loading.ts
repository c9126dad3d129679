// Loads what a section shows, and puts what went wrong into words.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";

import { call, asCallError } from "../connect/call";
import type { Labeler, ReplyOf, RequestOf, Run } from "../connect/messages";
import { askToLogIn } from "./shell";

export interface Loaded<Value> {
  /** The newest value; null before there is one. */
  value: Value | null;
  /** Why the last attempt failed; empty if it didn't. */
  problem: string;
  reload: () => Promise<void>;
}

/** Load something when the section opens, when `key` changes, and on request. */
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
      // The reply to an older request must not replace a newer one.
      if (newest.current === key) setState({ key, value, problem: "" });
    } catch (error) {
      setState((before) => ({ ...before, key, problem: wordsOf(error) }));
    }
  }, [key]);
  useEffect(() => void reload(), [reload]);
  return { value: state.key === key ? state.value : null, problem: state.problem, reload };
}

const PAGE_SIZE = 1000;
const FIELDS = { ListLabelers: "labelers", ListRuns: "runs" } as const;

interface Rows {
  ListLabelers: Labeler;
  ListRuns: Run;
}

type ListPage = ReplyOf<"ListLabelers"> & ReplyOf<"ListRuns">;

/** Return all rows of a list, read page by page. */
export async function readAll<Name extends keyof Rows>(method: Name): Promise<Rows[Name][]> {
  const rows: Rows[Name][] = [];
  let pageToken = "";
  do {
    const listPage: ListPage = await call(method, { pageSize: PAGE_SIZE, pageToken } as RequestOf<Name>);
    rows.push(...((listPage[FIELDS[method]] ?? []) as Rows[Name][]));
    pageToken = listPage.nextPageToken ?? "";
  } while (pageToken);
  return rows;
}

/** Return what went wrong in words; if the session has ended, show the login form. */
export function wordsOf(thrown: unknown): string {
  const error = asCallError(thrown);
  if (error.code === "unauthenticated") askToLogIn("Your token is no longer valid. Log in again.");
  return error.message;
}
