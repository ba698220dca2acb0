/** Decides which signing keys are to be made, put to use or retired, and when. Reads, writes and waits for nothing (see keeper.ts). Floor 5. */
import type { SigningKeyRecord } from '../../model/identity.ts'
import { ACCESS_TOKEN_SECONDS_MAX, KEY_LIFE_MS, KEY_PUBLISHED_AHEAD_MS, TOKEN_CLOCK_SKEW_MS } from '../../model/identity-limits.ts'

export type KeyStep =
  /** Nothing that it signed is to be believed any more, or there is nothing left that is; its private part is forgotten. */
  | { readonly do: 'retire'; readonly kid: string }
  /** It signs from now on; what was signed with the one that it replaces is good for PREVIOUS_KEPT_MS more. */
  | { readonly do: 'activate'; readonly kid: string; readonly replaces?: string }
  | { readonly do: 'create'; readonly state: 'current' | 'next' }

export interface KeysAt {
  /** Not retired. */
  readonly keys: readonly SigningKeyRecord[]
  /** Of the database. */
  readonly nowMs: number
  /** Whether the secret of a key is at hand: one without cannot sign, so it never begins to. */
  readonly canOpen: (kid: string) => boolean
}

/**
 * Milliseconds that a key which was replaced still verifies: the longest life of what it signed last, the clocks of those who verify, and a replica that learns of it late. Not
 * the life that is set: processes may differ in it while a new setting is rolled out.
 */
export const PREVIOUS_KEPT_MS = ACCESS_TOKEN_SECONDS_MAX * 1_000 + TOKEN_CLOCK_SKEW_MS + KEY_PUBLISHED_AHEAD_MS

/** What time alone makes due; in order, as it must be done. */
export function dueSteps(at: KeysAt): readonly KeyStep[] {
  const { keys, nowMs, canOpen } = at
  const over = keys.filter((key) => key.state === 'previous' && key.retiresAtMs !== null && key.retiresAtMs <= nowMs)
  return [
    ...over.map(({ kid }) => ({ do: 'retire', kid }) as const),
    ...replacement(at, find(keys, 'current'), find(keys, 'next'), canOpen),
  ]
}

function replacement(
  { nowMs }: KeysAt,
  current: SigningKeyRecord | undefined,
  next: SigningKeyRecord | undefined,
  canOpen: KeysAt['canOpen'],
): readonly KeyStep[] {
  const usable = next !== undefined && canOpen(next.kid)
  const create: KeyStep = { do: 'create', state: 'next' }
  if (current === undefined) {
    // Nobody can log in until there is one: what clients do not know yet is better than nothing.
    if (usable) return [{ do: 'activate', kid: next.kid }, create]
    return next === undefined ? [{ do: 'create', state: 'current' }, create] : [{ do: 'create', state: 'current' }]
  }
  if (next === undefined) return [create]
  if (!usable || (current.activatedAtMs ?? current.createdAtMs) + KEY_LIFE_MS > nowMs || publishedAtMs(next) > nowMs) return []
  return [{ do: 'activate', kid: next.kid, replaces: current.kid }, create]
}

/** What an administrator asks for before its time, or from when on it may be asked for. */
export type EarlyRotation = { readonly steps: readonly KeyStep[] } | { readonly readyAtMs: number } | { readonly unreadable: string }

/** As when its time had come: no client sees a token whose key it could not know. */
export function rotateEarly({ keys, nowMs, canOpen }: KeysAt): EarlyRotation {
  const [current, next] = [find(keys, 'current'), find(keys, 'next')]
  // The keeper makes one within its interval; clients have to learn of it from then on.
  if (next === undefined) return { readyAtMs: nowMs + KEY_PUBLISHED_AHEAD_MS }
  if (!canOpen(next.kid)) return { unreadable: next.kid }
  if (publishedAtMs(next) > nowMs) return { readyAtMs: publishedAtMs(next) }
  const replaces = current === undefined ? {} : { replaces: current.kid }
  return {
    steps: [
      { do: 'activate', kid: next.kid, ...replaces },
      { do: 'create', state: 'next' },
    ],
  }
}

/**
 * A key is known to others, or its secret is gone: nothing that was signed is believed any more, at once. The next key lay beside those that
 * signed, so it goes with them, although clients that keep the published keys do not know the new one yet.
 */
export function rotateAtOnce({ keys }: Pick<KeysAt, 'keys'>): readonly KeyStep[] {
  return [...keys.map(({ kid }) => ({ do: 'retire', kid }) as const), { do: 'create', state: 'current' }, { do: 'create', state: 'next' }]
}

/** From here on every client that keeps the published keys knows it. */
function publishedAtMs(next: SigningKeyRecord): number {
  return next.createdAtMs + KEY_PUBLISHED_AHEAD_MS
}

function find(keys: readonly SigningKeyRecord[], state: SigningKeyRecord['state']): SigningKeyRecord | undefined {
  return keys.find((key) => key.state === state)
}
