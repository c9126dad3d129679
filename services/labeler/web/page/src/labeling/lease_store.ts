// What a tab remembers of its leases when it is loaded again.

import type { KeptPair, Pair } from "./pair";

interface Kept {
  /** Pairs that are leased. */
  held: KeptPair[];
  /** Tokens of leases that were given back as the page was left. */
  returned: string[];
}

/** Keeps a labeler's leases as long as the tab is open. */
export class LeaseStore {
  readonly #key: string;

  constructor(labelerId: string) {
    this.#key = `somersault.leases.${labelerId}`;
  }

  read(): Kept {
    const { held = [], returned = [] } = JSON.parse(sessionStorage.getItem(this.#key) ?? "{}") as Partial<Kept>;
    return { held, returned };
  }

  /** Remember pairs that are held: a tab that crashed takes them up again. */
  keep(pairs: readonly Pair[]): void {
    const held: KeptPair[] = pairs.map(({ queryId, runId, question, guidelinesVersion, leaseToken }) => ({
      queryId,
      runId,
      question,
      guidelinesVersion,
      leaseToken,
    }));
    this.#write({ held, returned: [] });
  }

  /** Remember that leases are being given back: their tokens are of no use any more. */
  noteReturned(returned: string[]): void {
    this.#write({ held: [], returned });
  }

  #write(kept: Kept): void {
    sessionStorage.setItem(this.#key, JSON.stringify(kept));
  }
}
