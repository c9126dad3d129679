// Who is logged in. The token is in a cookie that scripts can't read.

import { CallError, get, post, readJson, callAs, type SessionKind } from "./call";
import { claimSession, whileLoggingIn } from "./identity";

export type { SessionKind } from "./call";

export interface Session {
  labelerId: string;
  name: string;
  role: "labeler" | "teacher" | "service" | "owner";
  /** The run that the gateway was started for; empty for any. */
  runId: string;
  /** Where others reach these pages; empty if as this browser does. */
  publicUrl: string;
  /** As whom this browser is logged in. */
  sessions: SessionKind[];
}

/** Gives the session of the first kind that there is one of, or null; calls are made in its name from then on. */
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

/** Begins a session with a token; the role of its holder says of which kind. */
export function logIn(token: string): Promise<Session> {
  return whileLoggingIn(async () => {
    const session = await post<Session>("/login", { token }, { signal: AbortSignal.timeout(12_000) });
    if (kindOf(session.role) === "labeler") claimSession(session.labelerId);
    return session;
  });
}

/** Ends the session in whose name calls are made. */
export async function logOut(): Promise<void> {
  await post("/logout", {}, { signal: AbortSignal.timeout(12_000) });
}

/** Gives the kind of session that a role has. */
export function kindOf(role: Session["role"]): SessionKind {
  return role === "owner" || role === "service" ? "owner" : "labeler";
}
