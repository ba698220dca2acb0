/** One named statement on pg's connection: its columns are described once a connection, its rows are made without events. Bounds no wait. Floor 2. */
import type pg from 'pg'

/** What a row is made of, as the server described it when the statement was prepared. A prepared statement never changes its columns: the server refuses it. */
export interface Column {
  readonly name: string
  readonly parse: (text: string) => unknown
}

/** Of pg's messages and connection, what its own queries use, and those of its companions (pg-cursor). */
interface RowDescription {
  readonly fields: readonly { readonly name: string; readonly dataTypeID: number }[]
}
interface Wire {
  readonly stream: { cork(): void; uncork(): void }
  readonly parsedStatements: Readonly<Record<string, string>>
  readonly submittedNamedStatements: Record<string, string>
  parse(statement: { readonly name: string; readonly text: string }): void
  bind(portal: { readonly statement: string; readonly values: readonly (string | null)[] }): void
  describe(portal: { readonly type: 'P'; readonly name: string }): void
  execute(portal: undefined): void
  sync(): void
}

export interface NamedQueryNeeds {
  readonly name: string
  readonly text: string
  /** As PostgreSQL reads them. */
  readonly values: readonly (string | null)[]
  /** Of this connection, by the statement's name; filled here. */
  readonly described: Map<string, readonly Column[]>
  readonly parserOf: (oid: number) => (text: string) => unknown
  readonly answered: (rows: readonly Record<string, unknown>[]) => void
  /** Told once, in place of an answer. */
  readonly failed: (fault: unknown) => void
}

export class NamedQuery implements pg.Submittable {
  // pg's client reads both, to know what it has prepared.
  readonly name: string
  readonly text: string
  readonly #needs: NamedQueryNeeds
  readonly #rows: Record<string, unknown>[] = []
  #columns: readonly Column[] | undefined
  /** A value that could not be read; told when the server is done. */
  #fault: { readonly fault: unknown } | undefined

  constructor(needs: NamedQueryNeeds) {
    this.name = needs.name
    this.text = needs.text
    this.#needs = needs
    this.#columns = needs.described.get(needs.name)
  }

  submit(connection: unknown): void {
    const wire = connection as Wire
    const { name, text } = this
    wire.stream.cork()
    try {
      if (wire.parsedStatements[name] === undefined) {
        wire.parse({ name, text })
        wire.submittedNamedStatements[name] = text
      }
      wire.bind({ statement: name, values: this.#needs.values })
      if (this.#columns === undefined) wire.describe({ type: 'P', name: '' })
      wire.execute(undefined)
      wire.sync()
    } finally {
      wire.stream.uncork()
    }
  }

  handleRowDescription({ fields }: RowDescription): void {
    const { described, parserOf } = this.#needs
    this.#columns = fields.map(({ name, dataTypeID }) => ({ name, parse: parserOf(dataTypeID) }))
    described.set(this.name, this.#columns)
  }

  handleDataRow({ fields }: { readonly fields: readonly (string | null)[] }): void {
    if (this.#fault !== undefined) return
    try {
      const row: Record<string, unknown> = {}
      const columns = this.#columns ?? []
      for (let at = 0; at < columns.length; at++) {
        const { name, parse } = columns[at] as Column
        const text = fields[at] ?? null
        row[name] = text === null ? null : parse(text)
      }
      this.#rows.push(row)
    } catch (fault) {
      this.#fault = { fault }
    }
  }

  handleReadyForQuery(): void {
    if (this.#fault === undefined) this.#needs.answered(this.#rows)
    else this.#needs.failed(this.#fault.fault)
  }

  handleError(fault: unknown): void {
    this.#needs.failed(fault)
  }

  handleCommandComplete(): void {}
  handleEmptyQuery(): void {}
}
