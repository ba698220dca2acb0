/** Where a command writes and what it was started with: an argument, so that tests need no process. Floor 6. */
export interface Terminal {
  out(text: string): void
  err(text: string): void
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly colours: boolean
  /** Standard error is a terminal: progress may be written there and wiped again. */
  readonly progress?: boolean
  /** Resolves when what was written is on its way: a long answer waits for a slow reader instead of piling up. */
  drained?(): Promise<void>
  /**
   * Calls once, when whoever started the command wants it to end; absent: it is never ended so. For commands that have no end of their own.
   * @returns what gives the signal back to its usual meaning
   */
  interrupted?(run: () => void): () => void
  /** Says that the command is a service: nobody has to read what it writes, and it ends at once when it returns. */
  serves?(): void
  nowMs(): number
}

export type Colour = 'green' | 'red' | 'yellow' | 'bold' | 'dim'
const CODES: Readonly<Record<Colour, string>> = { green: '32', red: '31', yellow: '33', bold: '1', dim: '2' }

export function paint(terminal: Terminal, colour: Colour, text: string): string {
  return terminal.colours ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text
}

/** Text from outside made safe for a terminal: control characters would move its cursor or change its title, others turn or hide words. */
export function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => {
    const digits = (character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')
    return digits.length === 4 ? `\\u${digits}` : `\\u{${digits}}`
  })
}

/** Columns as wide as their widest cell. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)))
  const line = (row: readonly string[]) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')
  return rows.map((row) => `${line(row).trimEnd()}\n`).join('')
}
