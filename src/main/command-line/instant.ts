/** Points in time as people type them: an ISO instant, or a duration from another instant. Floor 6. */
import { ACTIVATION_PAST_MS_MAX } from '../../model/policy-limits.ts'
import { CommandError, EXIT } from './exit.ts'
import { plain } from './terminal.ts'

/** A person may leave the seconds out; the wires do not. */
const WITHOUT_SECONDS = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2})(Z|[+-]\d{2}:\d{2})$/
const DURATION = /^P(?:(\d{1,5})W)?(?:(\d{1,5})D)?(?:T(?:(\d{1,5})H)?(?:(\d{1,6})M)?(?:(\d{1,8})S)?)?$/

/**
 * Milliseconds since the epoch of `text`: an instant with its offset (`2026-11-21T09:00:00Z`) or a duration counted from `fromMs` (`PT2H`, `P7D`).
 * Months and years are refused: their length depends on where one counts from.
 * @throws CommandError (usage) naming `option`
 */
export async function parseInstant(option: string, text: string, fromMs: number): Promise<number> {
  // The wires' own parser: what they refuse, such as 30 February, must not come to them as another day.
  const { instantSchema } = await import('../../wire/scalars.ts')
  const instant = instantSchema.safeParse(text.replace(WITHOUT_SECONDS, '$1:00$2'))
  if (instant.success) return instant.data
  const durationMs = durationOf(text)
  if (durationMs !== undefined) return fromMs + durationMs
  throw new CommandError(
    EXIT.usage,
    `${option}: not an instant or duration: ${plain(text)}`,
    'Write an instant with its offset (2026-11-21T09:00:00Z) or a duration from now (PT2H, P7D).',
  )
}

/** As `parseInstant`, for what is to happen then. @throws CommandError (usage) too when it is over: a mistyped year must not mean now */
export async function parseTimeToCome(option: string, text: string, nowMs: number): Promise<number> {
  const atMs = await parseInstant(option, text, nowMs)
  if (atMs >= nowMs - ACTIVATION_PAST_MS_MAX) return atMs
  throw new CommandError(
    EXIT.usage,
    `${option}: ${new Date(atMs).toISOString()} is over.`,
    `Name a time to come, or leave ${option} out for now.`,
  )
}

/** Seconds of a duration such as `PT2H`. @throws CommandError (usage) naming `option` */
export function parseDurationSeconds(option: string, text: string): number {
  const durationMs = durationOf(text)
  if (durationMs !== undefined) return durationMs / 1_000
  throw new CommandError(EXIT.usage, `${option}: not a duration: ${plain(text)}`, 'Write a duration such as PT2H or P7D; PT0S is none.')
}

const SPAN = /^(\d{1,5})([dh])$/

/** Seconds of a length of time as people say it, `7d` or `12h`, or of a duration such as `PT2H`. @throws CommandError (usage) naming `option` */
export function parseSpanSeconds(option: string, text: string): number {
  const [, count, unit] = SPAN.exec(text) ?? []
  const seconds = count === undefined ? (durationOf(text) ?? 0) / 1_000 : Number(count) * (unit === 'd' ? 86_400 : 3_600)
  if (seconds > 0) return seconds
  throw new CommandError(EXIT.usage, `${option}: not a length of time: ${plain(text)}`, 'Write one such as 7d, 12h, P7D or PT12H.')
}

function durationOf(text: string): number | undefined {
  const duration = DURATION.exec(text)
  if (duration === null || text === 'P' || text.endsWith('T')) return undefined
  const [weeks = 0, days = 0, hours = 0, minutes = 0, seconds = 0] = duration.slice(1).map((part) => Number(part ?? 0))
  return (((weeks * 7 + days) * 24 + hours) * 3_600 + minutes * 60 + seconds) * 1_000
}
