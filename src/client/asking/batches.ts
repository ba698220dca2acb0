/** Many questions over a wire that takes them in bounded batches: cut to its measure, and cut again where a batch is refused as a whole. Floor 6. */
import { BATCH_ITEMS_MAX, BODY_BYTES_MAX } from '../../model/limits.ts'
import type { Decision, Question } from '../client.ts'
import { CastellanError, InvalidRequestError, UnavailableError } from '../errors.ts'
import { BATCH_BYTES_MAX, QUESTION_OVERHEAD_BYTES, REFUSED_BATCH_REQUESTS_MAX, VALUE_OVERHEAD_BYTES } from '../limits.ts'
import { badAnswer, serviceError } from '../wires/service-error.ts'
import type { ClientWire, WireCall } from '../wires/wire.ts'
import { tooLarge } from './wrong-question.ts'

export type Result = Decision | CastellanError

/** Whatever a wire rejects with that is no error of ours is a fault of ours: nothing was decided then either. */
export function errorOf(fault: unknown): CastellanError {
  return fault instanceof CastellanError
    ? fault
    : new UnavailableError('Something failed inside the client; nothing was decided.', { code: 'internal', cause: fault })
}

/**
 * One request for at most a batch's measure of questions, in order; one alone goes as a check. Never rejects.
 * A batch that is refused as a whole is asked again in halves, one after the other, so that one question does not spoil the others'.
 */
export function askTogether(wire: ClientWire, questions: readonly Question[], call: () => WireCall): Promise<readonly Result[]> {
  return asked(wire, questions, call, { requests: REFUSED_BATCH_REQUESTS_MAX })
}

async function asked(
  wire: ClientWire,
  questions: readonly Question[],
  call: () => WireCall,
  left: { requests: number },
): Promise<readonly Result[]> {
  const [first] = questions
  if (first === undefined) return []
  left.requests -= 1
  const now = call()
  const atLeast = (result: Result) => reached(result, now.minPosition)
  if (questions.length === 1) return [await wire.check(first, now).then(atLeast).catch(errorOf)]
  try {
    const results = await wire.checkBatch(questions, now)
    if (results.length !== questions.length) throw badAnswer('another number of answers than of questions')
    return now.minPosition === undefined ? results : results.map(atLeast)
  } catch (fault) {
    const error = errorOf(fault)
    // Who refuses every part of it refuses something else than one question.
    if (!(error instanceof InvalidRequestError) || left.requests < 2 || now.signal.aborted) return questions.map(() => error)
    const middle = Math.ceil(questions.length / 2)
    const before = await asked(wire, questions.slice(0, middle), call, left)
    return [
      ...before,
      ...(left.requests < 1 ? questions.slice(middle).map(() => error) : await asked(wire, questions.slice(middle), call, left)),
    ]
  }
}

/** Whoever passed a position reads its own write, or is told that it could not. */
function reached(result: Result, minPosition: number | undefined): Result {
  if (minPosition === undefined || result instanceof CastellanError || result.position >= minPosition) return result
  return serviceError({ code: 'position_not_reached' })
}

/** Counts what one batch takes, question by question. */
export class BatchMeasure {
  #items = 0
  #bytes = 0

  /** @returns false when the batch is full without it; the first one always fits */
  take(bytes: number): boolean {
    if (this.#items > 0 && (this.#items >= BATCH_ITEMS_MAX || this.#bytes + bytes > BATCH_BYTES_MAX)) return false
    this.#items += 1
    this.#bytes += bytes
    return true
  }
}

/** @returns its bytes, as estimated, or the error of one that no service reads */
export function measured(question: Question): number | InvalidRequestError {
  const { user, tenant, accessToken, permission, resource } = question
  const names = bytesOfText(user) + bytesOfText(tenant) + bytesOfText(accessToken) + bytesOfText(permission)
  const bytes = QUESTION_OVERHEAD_BYTES + names + (resource === undefined ? 0 : bytesOf(resource))
  if (bytes <= BODY_BYTES_MAX) return bytes
  return tooLarge('resource')
}

function bytesOfText(text: string | undefined): number {
  return text === undefined ? 0 : Buffer.byteLength(text)
}

/** Of a plain resource, whose depth is bounded. */
function bytesOf(value: unknown): number {
  if (typeof value === 'string') return VALUE_OVERHEAD_BYTES + Buffer.byteLength(value)
  if (typeof value !== 'object' || value === null) return VALUE_OVERHEAD_BYTES
  if (Array.isArray(value)) return value.reduce((sum: number, item) => sum + bytesOf(item), VALUE_OVERHEAD_BYTES)
  return Object.entries(value).reduce((sum, [name, item]) => sum + Buffer.byteLength(name) + bytesOf(item), VALUE_OVERHEAD_BYTES)
}
