// The owner page.

import type { Session } from "../connect/session";

export function Page({ session }: { session: Session }) {
  return <h1>{session.name}</h1>;
}
