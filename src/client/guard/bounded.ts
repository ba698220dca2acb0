/** What a request waits for, with an end: the time is over, or whoever called is gone. Decides nothing. Floor 6. */
import type { Clock } from '../../ground/clock.ts'
import { UnavailableError } from '../errors.ts'
import { refusalOf } from './refusal.ts'

export interface Bound {
  readonly clock: Pick<Clock, 'after'>
  readonly ms: number
  /** Of whoever called. */
  readonly signal?: AbortSignal | undefined
}

/**
 * @param run is told by its signal that nobody waits for it any more
 * @returns rejects with an error whatever `run` threw, and with `UnavailableError` when it was late: what never settles must not hold a request for ever
 */
export function bounded<T>({ clock, ms, signal }: Bound, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(gone())
    const waiting = new AbortController()
    const end = (fault: UnavailableError) => {
      reject(fault)
      waiting.abort(fault)
    }
    const cancel = clock.after(ms, () => end(new UnavailableError('Nothing was decided within the time', { code: 'deadline_exceeded' })))
    const leave = () => end(gone())
    signal?.addEventListener('abort', leave, { once: true })
    run(waiting.signal)
      .then(resolve, (fault: unknown) => reject(refusalOf(fault)))
      .finally(() => {
        cancel()
        signal?.removeEventListener('abort', leave)
      })
  })
}

function gone(): UnavailableError {
  return new UnavailableError('Whoever called is gone; nothing was decided', { code: 'cancelled' })
}

/** What is used of the answer of a framework: that of `node:http` itself, or one around it. */
interface Answering {
  readonly raw?: Answering
  readonly destroyed?: boolean
  once(name: 'close', run: () => void): unknown
  removeListener(name: 'close', run: () => void): unknown
}

/** @param answer of any framework; without the events of an answer of `node:http` nothing is told */
export async function whileConnected<T>(answer: unknown, run: (signal: AbortSignal | undefined) => Promise<T>): Promise<T> {
  const plain = plainAnswer(answer)
  if (plain === undefined) return await run(undefined)
  const gone = new AbortController()
  const close = () => gone.abort()
  if (plain.destroyed === true) close()
  plain.once('close', close)
  try {
    return await run(gone.signal)
  } finally {
    plain.removeListener('close', close)
  }
}

function plainAnswer(answer: unknown): Answering | undefined {
  const { raw = answer } = (answer ?? {}) as { readonly raw?: unknown }
  const { once, removeListener } = (raw ?? {}) as Partial<Answering>
  return typeof once === 'function' && typeof removeListener === 'function' ? (raw as Answering) : undefined
}
