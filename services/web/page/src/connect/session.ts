// Who is logged in. The session is in a cookie that scripts can't read.

import { CallError, callAs, get, post, readJson, whoIs, type SessionKind } from "./call";
import { claimSession, whileLoggingIn } from "./identity";

export type { SessionKind } from "./call";

export interface Session {
  labelerId: string;
  name: string;
  role: "labeler" | "teacher" | "service" | "owner";
  /** The run that the gateway was started for; empty for any. */
  runId: string;
  /** Where others reach these pages; empty if at the same address as this browser. */
  publicUrl: string;
  /** The kinds of session that this browser has. */
  sessions: SessionKind[];
}

/** Return the session of the first kind that this browser has, or null; calls are made with it from then on. */
export async function readSession(kinds: readonly SessionKind[]): Promise<Session | null> {
  for (const kind of kinds) {
    callAs(kind);
    try {
      const session = await readJson<Session>(await get("/session", { timeoutMs: 12_000 }));
      if (kind === "labeler") claimSession(session.labelerId);
      return session;
    } catch (error) {
      if (!(error instanceof CallError) || error.code !== "unauthenticated") throw error;
    }
  }
  return null;
}

/** Who a token belongs to. */
export interface Holder {
  labelerId: string;
  name: string;
  role: Session["role"];
}

/** Return who a token belongs to, without logging in with it. */
export async function holderOf(token: string): Promise<Holder> {
  const { labelerId, name, role } = await whoIs(token);
  return { labelerId, name: name || labelerId, role: role.slice("ROLE_".length).toLowerCase() as Session["role"] };
}

/** Begin a session with a token; its holder's role decides which kind. */
export function logIn(token: string): Promise<Session> {
  return whileLoggingIn(async () => {
    const session = await post<Session>("/login", { token }, { signal: AbortSignal.timeout(12_000) });
    if (kindOf(session.role) === "labeler") claimSession(session.labelerId);
    return session;
  });
}

/** End the session that calls are made with. */
export async function logOut(): Promise<void> {
  await post("/logout", {}, { signal: AbortSignal.timeout(12_000) });
}

/** Return the kind of session that a role has. */
export function kindOf(role: Session["role"]): SessionKind {
  return role === "owner" || role === "service" ? "owner" : "labeler";
}
