/** Server-sent events out of lines of text, and when a stream of them has fallen silent. Connects to nothing. Floor 6. */

export const EVENTS_TYPE = 'text/event-stream'

export interface TextEvent {
  readonly event: string
  readonly data: string
}

/** As the HTML standard reads them (§9.2.6); `id` and `retry` are for who asks again where it was, which our service cannot be. */
export async function* eventsOf(lines: AsyncIterable<string>): AsyncGenerator<TextEvent> {
  let event = 'message'
  let data: string[] = []
  for await (const line of lines) {
    const text = line.endsWith('\r') ? line.slice(0, -1) : line
    if (text === '') {
      if (data.length > 0) yield { event, data: data.join('\n') }
      event = 'message'
      data = []
      continue
    }
    const colon = text.indexOf(':')
    const field = colon === -1 ? text : text.slice(0, colon)
    const value = colon === -1 ? '' : text.slice(colon + 1).replace(/^ /, '')
    if (field === 'event') event = value
    else if (field === 'data') data.push(value)
  }
}

export interface Silence {
  /** Aborts when nothing was heard for so long. */
  readonly signal: AbortSignal
  /** The same, and each of them is heard. */
  hearing<T>(lines: AsyncIterable<T>): AsyncGenerator<T>
  pause(): void
  resume(): void
}

/** Listens from now on. */
export function openSilence(silenceMs: number): Silence {
  const controller = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const pause = () => clearTimeout(timer)
  const resume = () => {
    clearTimeout(timer)
    // As AbortSignal.timeout says it, so that it is told as that is.
    timer = setTimeout(() => controller.abort(new DOMException('nothing was heard', 'TimeoutError')), silenceMs)
  }
  resume()
  return {
    signal: controller.signal,
    async *hearing(lines) {
      for await (const line of lines) {
        resume()
        yield line
      }
    },
    pause,
    resume,
  }
}
