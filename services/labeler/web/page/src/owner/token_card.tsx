// A new token, this once.

import { useEffect, useRef } from "preact/hooks";

import type { Role } from "../connect/messages";
import { Copied } from "./copied";

export interface ShownToken {
  name: string;
  role: Role;
  token: string;
}

const PAGES: Partial<Record<Role, string>> = { ROLE_LABELER: "/", ROLE_OWNER: "/owner" };

export function TokenCard({ shown, onClose }: { shown: ShownToken; onClose: () => void }) {
  const card = useRef<HTMLDivElement>(null);
  useEffect(() => card.current?.focus(), [shown.token]);
  const path = PAGES[shown.role];
  return (
    <div class="panel token" id="token-card" ref={card} tabIndex={-1} role="group" aria-labelledby="token-title">
      <h3 id="token-title">{shown.name}’s token</h3>
      <p>
        <strong>This is shown only now.</strong>{" "}
        {path
          ? `Send the address to ${shown.name}, and to nobody else: whoever opens it acts as ${shown.name}.`
          : "Keep it where only that program can read it."}
      </p>
      {path ? <Copied id="token-address" label="Address" value={`${location.origin}${path}#token=${shown.token}`} /> : null}
      <Copied id="token-value" label="Token" value={shown.token} />
      <div class="actions end">
        <button type="button" class="quiet" onClick={onClose}>
          I have it
        </button>
      </div>
    </div>
  );
}
