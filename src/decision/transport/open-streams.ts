/** The answers that one wire is streaming for longer than a request may take, so that its stopping ends them. Knows no wire. Floor 5. */
import type { CallEnd } from '../../wire/call.ts'

export interface OpenStreams {
  /** @returns what to call when the stream is over */
  add(end: CallEnd): () => void
  /** Ends all of them with an error, and each that is begun from now on: they may go on for longer than stopping may take. */
  drain(): void
}

export function openStreams(): OpenStreams {
  const open = new Set<CallEnd>()
  let draining = false
  return {
    add(end) {
      open.add(end)
      if (draining) end.stop()
      return () => open.delete(end)
    },
    drain() {
      draining = true
      for (const end of open) end.stop()
    },
  }
}
