/** What an application may say of its local checks, read and bounded. Floor 6. */
import type { CompiledPolicy } from '../../model/compiled-policy.ts'
import {
  LOCAL_ALWAYS_ASK_MAX,
  LOCAL_BYTES_DEFAULT,
  LOCAL_BYTES_MIN,
  LOCAL_ENTRIES_DEFAULT,
  LOCAL_ENTRIES_MAX,
  LOCAL_STALE_MS_DEFAULT,
  LOCAL_STALE_MS_MAX,
  LOCAL_STALE_MS_MIN,
} from '../limits.ts'

export interface LocalOptions {
  /**
   * How much older than an answer of the service a local one may be, in milliseconds: it reflects every change committed longer ago than the
   * service's bound (one second) and this together. Default 1,000, at least 200, at most 10,000.
   */
  readonly staleMs?: number
  /** Pairs of user and tenant that are kept. Default 50,000. */
  readonly entriesMax?: number
  /** About what they take in memory, in bytes. Default 64 MiB. */
  readonly bytesMax?: number
  /** Whether permissions of risk `high` are decided here. Default `ask`: always by the service, and so in its decision log. */
  readonly highRisk?: 'ask' | 'local'
  /** Permissions, by full name or code, that the service decides always. */
  readonly alwaysAsk?: readonly string[]
}

export interface LocalPlan {
  readonly staleMs: number
  readonly entriesMax: number
  readonly bytesMax: number
  readonly highRisk: 'ask' | 'local'
  readonly alwaysAsk: ReadonlySet<string>
}

/** Whether the service decides it always, by this policy. */
export function asksAlways({ highRisk, alwaysAsk }: LocalPlan, policy: CompiledPolicy, asked: string): boolean {
  const entry = policy.findPermission(asked)
  if (entry === undefined) return alwaysAsk.has(asked)
  return (highRisk === 'ask' && entry.risk === 'high') || alwaysAsk.has(entry.name) || alwaysAsk.has(entry.code)
}

const NAMES = ['staleMs', 'entriesMax', 'bytesMax', 'highRisk', 'alwaysAsk']

/** @throws TypeError that names the option */
export function readLocalOptions(local: true | LocalOptions): LocalPlan {
  const options = local === true ? {} : local
  if (typeof options !== 'object' || options === null) throw new TypeError('local must be true or an object of options')
  const unknown = Object.keys(options).find((name) => !NAMES.includes(name))
  if (unknown !== undefined) throw new TypeError(`local.${unknown.slice(0, 100)} is no option; there are ${NAMES.join(', ')}`)
  const { highRisk = 'ask', alwaysAsk = [] } = options
  if (highRisk !== 'ask' && highRisk !== 'local') throw new TypeError('local.highRisk must be "ask" or "local"')
  if (!Array.isArray(alwaysAsk) || alwaysAsk.length > LOCAL_ALWAYS_ASK_MAX || !alwaysAsk.every((name) => typeof name === 'string'))
    throw new TypeError(`local.alwaysAsk must be a list of at most ${LOCAL_ALWAYS_ASK_MAX} names of permissions`)
  return {
    staleMs: whole('staleMs', options.staleMs ?? LOCAL_STALE_MS_DEFAULT, LOCAL_STALE_MS_MIN, LOCAL_STALE_MS_MAX),
    entriesMax: whole('entriesMax', options.entriesMax ?? LOCAL_ENTRIES_DEFAULT, 1, LOCAL_ENTRIES_MAX),
    bytesMax: whole('bytesMax', options.bytesMax ?? LOCAL_BYTES_DEFAULT, LOCAL_BYTES_MIN, Number.MAX_SAFE_INTEGER),
    highRisk,
    alwaysAsk: new Set(alwaysAsk),
  }
}

function whole(name: string, value: unknown, least: number, most: number): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < least || value > most)
    throw new TypeError(`local.${name} must be a whole number from ${least} to ${most}`)
  return value
}
