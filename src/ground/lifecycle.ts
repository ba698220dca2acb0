/** Parts that open in order and close in reverse, also when start-up fails half way. Floor 0. */

export interface Closable {
  readonly name: string
  close(): Promise<void>
}

export class Lifecycle {
  readonly #parts: Closable[] = []

  /** Remembers an opened part; the last one added closes first. */
  add(name: string, close: () => Promise<void>): void {
    this.#parts.push({ name, close })
  }

  /** Closes everything in reverse; a part that fails to close does not keep the others open. Safe to call twice. */
  async close(onFault: (part: string, fault: unknown) => void): Promise<void> {
    for (let part = this.#parts.pop(); part !== undefined; part = this.#parts.pop()) {
      try {
        await part.close()
      } catch (fault) {
        onFault(part.name, fault)
      }
    }
  }
}
