// Where answers wait in the browser: IndexedDB, so that they outlive the tab. Without it, memory.

const DATABASE = "somersault";
const STORE = "outbox";

/** Keeps entries by their `key`. */
export class OutboxStore {
  #database;

  constructor(database) {
    this.#database = database;
  }

  /** Opens the store; a browser that forbids it gives one that forgets. */
  static async open() {
    try {
      return new OutboxStore(await openDatabase());
    } catch {
      return new OutboxStore(null);
    }
  }

  get isDurable() {
    return this.#database !== null;
  }

  /** Gives all entries in the order in which they were made. */
  async all() {
    const entries = (await this.#run("readonly", (store) => store.getAll())) ?? [];
    return entries.sort((one, other) => one.madeAt - other.madeAt || one.version - other.version);
  }

  /** Keeps an entry; done when it outlives the tab. */
  put(entry) {
    return this.#run("readwrite", (store) => store.put(entry));
  }

  delete(key) {
    return this.#run("readwrite", (store) => store.delete(key));
  }

  #run(mode, request) {
    if (!this.#database) return Promise.resolve(undefined);
    return new Promise((resolve, reject) => {
      const transaction = this.#database.transaction(STORE, mode);
      const asked = request(transaction.objectStore(STORE));
      // Committing by itself would wait for the page's next turn.
      transaction.commit();
      transaction.oncomplete = () => resolve(asked.result);
      transaction.onerror = transaction.onabort = () => reject(transaction.error);
    });
  }
}

function openDatabase() {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE, { keyPath: "key" });
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = opening.onblocked = () => reject(opening.error);
  });
}
