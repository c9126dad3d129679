// A new token, shown once.

import { useEffect, useRef } from "preact/hooks";

import type { Role } from "../../connect/messages";
import { Copied } from "../../shell/copied";

export interface ShownToken {
  name: string;
  role: Role;
  token: string;
}

const PAGES: Partial<Record<Role, string>> = { ROLE_LABELER: "/", ROLE_OWNER: "/owner" };

interface Props {
  shown: ShownToken;
  /** Where its holder reaches these pages, without a slash at the end. */
  origin: string;
  onClose: () => void;
}

export function TokenCard({ shown, origin, onClose }: Props) {
  const card = useRef<HTMLDivElement>(null);
  useEffect(() => card.current?.focus(), [shown.token]);
  const path = PAGES[shown.role];
  return (
    <div class="panel token" id="token-card" ref={card} tabIndex={-1} role="group" aria-labelledby="token-title">
      <h3 id="token-title">{shown.name}’s token</h3>
      <p>
        <strong>This is shown only once.</strong>{" "}
        {path
          ? `Send the address to ${shown.name}, and to no one else: whoever opens it acts as ${shown.name}.`
          : "Keep it where only that program can read it."}
      </p>
      {path ? <Copied id="token-address" label="Address" value={`${origin}${path}#token=${shown.token}`} /> : null}
      {path ? <Reach origin={origin} /> : null}
      <Copied id="token-value" label="Token" value={shown.token} />
      <div class="actions end">
        <button type="button" class="quiet" onClick={onClose}>
          Done
        </button>
      </div>
    </div>
  );
}

/** A warning if others can't open the address, or if eavesdroppers could read it. */
function Reach({ origin }: { origin: string }) {
  const { protocol, hostname } = new URL(origin);
  if (hostname === "localhost" || hostname === "[::1]" || hostname.startsWith("127.")) {
    return (
      <p id="token-reach">
        This address works on this machine only. To invite people elsewhere, start the run with <code>--share</code> or{" "}
        <code>--public-url</code>.
      </p>
    );
  }
  if (protocol === "https:") return null;
  return (
    <p id="token-reach">
      Not encrypted: anyone who can read the network in between can read the token. Use it only on a network of your own.
    </p>
  );
}
