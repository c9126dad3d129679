// What all pages share: who is logged in, and whether the login form is shown instead of the page.

import { signal } from "@preact/signals";

import { Backoff } from "../connect/backoff";
import { CallError } from "../connect/call";
import { kindOf, logIn, readSession, type Session, type SessionKind } from "../connect/session";

/** Who is logged in; null before that is known. */
export const session = signal<Session | null>(null);
/** True while the form is shown. */
export const isLoginShown = signal(false);
export const loginProblem = signal("");
/** Whether the server only lists the runs of a folder; false until that is known. */
export const isReadOnly = signal(false);

const UNKNOWN = "This token isn’t valid.";

/** Show the login form instead of the page. */
export function askToLogIn(problem = ""): void {
  loginProblem.value = problem;
  isLoginShown.value = true;
}

/** Find a session of one of the kinds, logging in with the token in the address if there is one. */
export async function begin(kinds: readonly SessionKind[]): Promise<void> {
  const token = takeToken();
  const backoff = new Backoff();
  for (;;) {
    try {
      if (token && moveTo(kinds, await logIn(token))) return;
      session.value = await readSession(kinds);
      isLoginShown.value = session.value === null;
      return;
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      askToLogIn(token && !error.isUnreachable ? UNKNOWN : error.message);
      if (!error.isUnreachable) return;
      await backoff.wait();
    }
  }
}

/** Log in with a token that was typed and reload the page. */
export async function logInAndReload(token: string, kinds: readonly SessionKind[]): Promise<void> {
  try {
    if (!moveTo(kinds, await logIn(token))) location.reload();
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    loginProblem.value = error.isUnreachable ? error.message : UNKNOWN;
  }
}

/** Go to the page that a token is for, unless this is it; return whether it does. */
function moveTo(kinds: readonly SessionKind[], { role }: Session): boolean {
  const kind = kindOf(role);
  if (kinds.includes(kind)) return false;
  location.assign(kind === "owner" ? "/owner" : "/");
  return true;
}

/** Return the token after # and remove it from the address bar and the history. */
function takeToken(): string | null {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token) history.replaceState(null, "", location.pathname + location.search);
  return token;
}
