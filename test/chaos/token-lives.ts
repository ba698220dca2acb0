/** What access tokens were worth from which position on: their keys, their sessions, the epochs of their users. Judges nothing. */
import type { Change, TokenRoots } from './history.ts'

/** `unpublished`: of no key that is believed; `ended`: of a session that is over; `live`: as good as the epoch of its account. */
export type Worth = 'unpublished' | 'ended' | 'live'

export interface End {
  readonly position: number
  /** It cannot have been so before this monotonic time. */
  readonly startedAt: number
}

interface KeyLife {
  readonly begin: number
  readonly end: End
}

const NEVER: End = { position: Number.POSITIVE_INFINITY, startedAt: Number.POSITIVE_INFINITY }

export class TokenLives {
  readonly #keys = new Map<string, KeyLife>()
  readonly #sessionEnds = new Map<string, End>()
  /** By user: where each epoch began. */
  readonly #epochs = new Map<string, (End & { readonly epoch: number })[]>()

  /** @param changes by position */
  constructor(changes: readonly Change[]) {
    for (const { position, startedAt, effects } of changes)
      for (const effect of effects) {
        const end = { position, startedAt }
        if (effect.kind === 'signing-key') {
          const begin = this.#keys.get(effect.kid)?.begin ?? position
          this.#keys.set(effect.kid, { begin, end: effect.published ? NEVER : end })
        }
        if (effect.kind === 'session-end' && !this.#sessionEnds.has(effect.session)) this.#sessionEnds.set(effect.session, end)
        if (effect.kind === 'account' && effect.epoch !== undefined)
          this.#epochs.set(effect.user, [...(this.#epochs.get(effect.user) ?? []), { ...end, epoch: effect.epoch }])
      }
  }

  /** From where on its key is not believed any more. */
  keyEnd({ kid }: TokenRoots): End {
    return this.#keys.get(kid)?.end ?? NEVER
  }

  /** Ended by itself, or with all others of its user when the epoch was raised. */
  sessionEnd(user: string, { session, epoch }: TokenRoots): End {
    const own = this.#sessionEnds.get(session) ?? NEVER
    const raised = this.#epochs.get(user)?.find((one) => one.epoch > epoch) ?? NEVER
    return raised.position < own.position ? raised : own
  }

  /** All that may be found by who looks at the key and at the session as of `least` or later, until the monotonic time `endedAt`. */
  worths(user: string, token: TokenRoots, least: number, endedAt: number): readonly Worth[] {
    const key = this.#keys.get(token.kid)
    const keyEnd = this.keyEnd(token)
    const sessionEnd = this.sessionEnd(user, token)
    const unpublished = key === undefined || key.begin > least || keyEnd.startedAt <= endedAt
    const published = key !== undefined && keyEnd.position > least
    return [
      ...(unpublished ? (['unpublished'] as const) : []),
      ...(published && sessionEnd.startedAt <= endedAt ? (['ended'] as const) : []),
      ...(published && sessionEnd.position > least ? (['live'] as const) : []),
    ]
  }
}
