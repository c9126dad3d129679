// The run page.

import type { Session } from "../connect/session";

export function Page({ session }: { session: Session }) {
  return <h1>{session.runId}</h1>;
}
