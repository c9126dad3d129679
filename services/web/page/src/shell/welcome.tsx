// Asks before an address with a token logs this browser in: whose it is, and whether to go on as that person.

import { useEffect, useRef, useState } from "preact/hooks";

import type { PageEntry } from "./pages";
import { decline, logInAndReload, loginProblem, welcome } from "./shell";

export function Welcome({ page }: { page: PageEntry }) {
  const [isBusy, setBusy] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => button.current?.focus(), [welcome.value]);
  if (welcome.value === null) return null;
  const { holder, token, current } = welcome.value;
  const accept = async () => {
    setBusy(true);
    await logInAndReload(token, page.kinds);
    setBusy(false);
  };
  return (
    <section id="welcome" class="card" aria-labelledby="welcome-title">
      <h1 id="welcome-title">Continue as {holder.name}?</h1>
      <p>
        The address that you opened is that of <strong>{holder.name}</strong>, {article(holder.role)} {holder.role}. If you
        continue, this browser acts as {holder.name} until you log out.
      </p>
      <p class="faint">
        {current ? `Now it acts as ${current.name}. ` : ""}If that isn’t you, somebody sent you their own address.
      </p>
      <div class="actions">
        <button
          type="button"
          class="primary"
          id="welcome-continue"
          ref={button}
          disabled={isBusy}
          onClick={() => void accept()}
        >
          Continue as {holder.name}
        </button>
        <button
          type="button"
          class="quiet"
          id="welcome-decline"
          disabled={isBusy}
          onClick={() => void decline(page.kinds)}
        >
          {current ? `Stay ${current.name}` : "Not me"}
        </button>
      </div>
      <p class="problem" role="alert">
        {loginProblem}
      </p>
    </section>
  );
}

function article(role: string): string {
  return role === "owner" ? "an" : "a";
}
