/** A count that goes up on standard error, where that is a terminal. Floor 6. */
import type { Terminal } from './terminal.ts'

const WIPE = '\r\u001b[K'
/** Often enough to see that it goes on, seldom enough to cost nothing. */
const EVERY = 1_000

export interface Progress {
  readonly tell: (count: number) => void
  readonly wipe: () => void
}

export function openProgress(terminal: Terminal, words: string): Progress {
  let shown = false
  return {
    tell: (count) => {
      if (terminal.progress !== true || count % EVERY !== 0) return
      terminal.err(`${WIPE}${words} ${count}`)
      shown = true
    },
    wipe: () => {
      if (shown) terminal.err(WIPE)
      shown = false
    },
  }
}
