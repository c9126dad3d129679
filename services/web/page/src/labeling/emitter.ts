// Typed events.

/** Calls listeners of events by name. */
export class Emitter<Events> {
  readonly #listeners: { [Name in keyof Events]?: ((detail: Events[Name]) => void)[] } = {};

  on<Name extends keyof Events>(name: Name, listener: (detail: Events[Name]) => void): void {
    (this.#listeners[name] ??= []).push(listener);
  }

  protected emit<Name extends keyof Events>(name: Name, detail: Events[Name]): void {
    for (const listener of this.#listeners[name] ?? []) listener(detail);
  }
}
