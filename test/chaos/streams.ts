/** Questions pipelined on streams, each with its answer. */
import type { ServiceError } from '@grpc/grpc-js'
import { answerOf, failure, type Plain, type Stream } from './grpc-services.ts'
import type { Answer, Failure, TokenRoots } from './history.ts'

export interface Question {
  readonly tenant: string
  readonly user: string
  readonly permission: string
  readonly minPosition?: number
  /** Names the user, and the tenant when it is for one. */
  readonly token?: HeldToken
}

export interface HeldToken {
  readonly accessToken: string
  readonly user: string
  readonly tenant: string | null
  readonly roots: TokenRoots
}

/** As both wires take it. */
export function requestOf({ token, ...named }: Question): object {
  if (token === undefined) return named
  const { user: _, tenant, ...asked } = named
  return { ...asked, accessToken: token.accessToken, ...(token.tenant === null ? { tenant } : {}) }
}

export interface StreamSettings {
  /** After which a question is given up. */
  readonly withinMs: number
  readonly failureOf: (fault: ServiceError) => Failure
}

/** The streams of one replica, one a key; opened when needed, and again after an end. */
export class Streams {
  readonly #open: (key: string) => Stream
  readonly #settings: StreamSettings
  readonly #byKey = new Map<string, OpenStream>()

  constructor(open: (key: string) => Stream, settings: StreamSettings) {
    this.#open = open
    this.#settings = settings
  }

  ask(question: Question, key: string): Promise<Answer | Failure> {
    let stream = this.#byKey.get(key)
    if (stream === undefined || stream.ended) {
      stream = new OpenStream(this.#open(key), this.#settings)
      this.#byKey.set(key, stream)
    }
    return stream.ask(question)
  }

  close(): void {
    for (const stream of this.#byKey.values()) stream.close()
  }
}

class OpenStream {
  readonly #stream: Stream
  readonly #withinMs: number
  readonly #waiting = new Map<string, (outcome: Answer | Failure) => void>()
  #asked = 0
  ended = false

  constructor(stream: Stream, { withinMs, failureOf }: StreamSettings) {
    this.#stream = stream
    this.#withinMs = withinMs
    stream.on('data', (message: Plain) => {
      const error = message['error'] as { readonly code: string; readonly hint: string } | null | undefined
      const outcome = error ? failure(error.code, true) : answerOf(message['decision'] as Plain)
      this.#settle(String(message['id']), outcome)
    })
    stream.on('error', (fault: ServiceError) => this.#end(failureOf(fault)))
    stream.on('end', () => this.#end(failure('connection')))
  }

  ask(check: Question): Promise<Answer | Failure> {
    const id = String(++this.#asked)
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#settle(id, failure('given-up')), this.#withinMs)
      this.#waiting.set(id, (outcome) => {
        clearTimeout(timer)
        resolve(outcome)
      })
      this.#stream.write({ id, check: requestOf(check) })
    })
  }

  close(): void {
    this.#stream.cancel()
  }

  #settle(id: string, outcome: Answer | Failure): void {
    this.#waiting.get(id)?.(outcome)
    this.#waiting.delete(id)
  }

  #end(outcome: Failure): void {
    this.ended = true
    for (const id of [...this.#waiting.keys()]) this.#settle(id, outcome)
  }
}
