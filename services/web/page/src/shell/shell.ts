// What all pages share: who is logged in, and whether the login form is shown instead of the page.

import { signal } from "@preact/signals";

import { Backoff } from "../connect/backoff";
import { CallError } from "../connect/call";
import { holderOf, kindOf, logIn, readSession, type Holder, type Session, type SessionKind } from "../connect/session";

/** Who is logged in; null before that is known. */
export const session = signal<Session | null>(null);
/** True while the form is shown. */
export const isLoginShown = signal(false);
export const loginProblem = signal("");
/** What an address with a token asks: whether this browser is to go on as its holder. Null if it asks nothing. */
export const welcome = signal<{ holder: Holder; token: string; current: Session | null } | null>(null);
/** Whether the server only lists the runs of a folder; false until that is known. */
export const isReadOnly = signal(false);

const UNKNOWN = "This token isn’t valid.";

/** Show the login form instead of the page. */
export function askToLogIn(problem = ""): void {
  loginProblem.value = problem;
  isLoginShown.value = true;
}

/**
 * Find a session of one of the kinds. With a token in the address, ask first: somebody else may have sent it, and whoever
 * follows it would go on as somebody else without noticing. Nobody is asked who already is its holder.
 */
export async function begin(kinds: readonly SessionKind[]): Promise<void> {
  const token = takeToken();
  const backoff = new Backoff();
  for (;;) {
    try {
      if (token && (await asksWhoToBe(token, kinds))) return;
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

/** Return whether a token's address asks something, or leads to another page. */
async function asksWhoToBe(token: string, kinds: readonly SessionKind[]): Promise<boolean> {
  const holder = await holderOf(token);
  const current = await readSession([kindOf(holder.role)]);
  if (current?.labelerId === holder.labelerId) return moveTo(kinds, current);
  welcome.value = { holder, token, current };
  isLoginShown.value = false;
  return true;
}

/** Leave the token of the address alone, and go on as whoever this browser is. */
export async function decline(kinds: readonly SessionKind[]): Promise<void> {
  welcome.value = null;
  await begin(kinds);
}

/** Log in with a token that was typed, or whose holder one wants to be, and reload the page. */
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
