// Where answers wait in the browser: IndexedDB, so that they outlive the tab, or else memory.

import type { PreferenceName } from "../../connect/messages";

const DATABASE = "somersault";
const STORE = "outbox";

/** An answer waiting to be sent, as it is stored. */
export interface KeptEntry {
  /** Answer id and version. */
  key: string;
  method: "SubmitPreference" | "RevisePreference";
  message: { answerId: string; preference: PreferenceName; [field: string]: unknown };
  version: number;
  madeAt: number;
  labelerId: string;
}

/** Stores entries by their `key`. */
export class OutboxStore {
  readonly #database: IDBDatabase | null;

  constructor(database: IDBDatabase | null) {
    this.#database = database;
  }

  /** Open the store; if the browser forbids it, return one that stores nothing. */
  static async open(): Promise<OutboxStore> {
    try {
      return new OutboxStore(await openDatabase());
    } catch {
      return new OutboxStore(null);
    }
  }

  get isDurable(): boolean {
    return this.#database !== null;
  }

  /** Return all entries in the order in which they were made. */
  async all(): Promise<KeptEntry[]> {
    const entries = (await this.#run<KeptEntry[]>("readonly", (store) => store.getAll())) ?? [];
    return entries.sort((one, other) => one.madeAt - other.madeAt || one.version - other.version);
  }

  /** Store an entry; resolves once it would outlive the tab. */
  async put(entry: KeptEntry): Promise<void> {
    await this.#run<IDBValidKey>("readwrite", (store) => store.put(entry));
  }

  async delete(key: string): Promise<void> {
    await this.#run<undefined>("readwrite", (store) => store.delete(key));
  }

  #run<Result>(
    mode: IDBTransactionMode,
    request: (store: IDBObjectStore) => IDBRequest<Result>,
  ): Promise<Result | undefined> {
    const database = this.#database;
    if (!database) return Promise.resolve(undefined);
    return new Promise((resolve, reject) => {
      const transaction = database.transaction(STORE, mode);
      const asked = request(transaction.objectStore(STORE));
      // An automatic commit would wait for the next turn of the event loop.
      transaction.commit();
      transaction.oncomplete = () => resolve(asked.result);
      transaction.onerror = transaction.onabort = () => reject(transaction.error);
    });
  }
}

function openDatabase(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE, { keyPath: "key" });
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = opening.onblocked = () => reject(opening.error);
  });
}
