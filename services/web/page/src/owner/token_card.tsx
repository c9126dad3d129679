// A new token, this once.

import { useEffect, useRef } from "preact/hooks";

import type { Role } from "../connect/messages";
import { Copied } from "../shell/copied";

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
        <strong>This is shown only now.</strong>{" "}
        {path
          ? `Send the address to ${shown.name}, and to nobody else: whoever opens it acts as ${shown.name}.`
          : "Keep it where only that program can read it."}
      </p>
      {path ? <Copied id="token-address" label="Address" value={`${origin}${path}#token=${shown.token}`} /> : null}
      {path ? <Reach origin={origin} /> : null}
      <Copied id="token-value" label="Token" value={shown.token} />
      <div class="actions end">
        <button type="button" class="quiet" onClick={onClose}>
          I have it
        </button>
      </div>
    </div>
  );
}

/** Says who can't open the address, or who else can read it. */
function Reach({ origin }: { origin: string }) {
  const { protocol, hostname } = new URL(origin);
  if (hostname === "localhost" || hostname === "[::1]" || hostname.startsWith("127.")) {
    return (
      <p id="token-reach">
        This address opens on this machine only. To invite people elsewhere, start the run with <code>--share</code> or{" "}
        <code>--public-url</code>.
      </p>
    );
  }
  if (protocol === "https:") return null;
  return (
    <p id="token-reach">
      Not encrypted: whoever can read the network on the way can read the token. Use it on a network of your own only.
    </p>
  );
}
