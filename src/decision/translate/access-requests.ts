/** What callers ask that decide by themselves. Floor 5. */
import { z } from 'zod'
import { idSchema, positionSchema } from '../../wire/scalars.ts'
import { parseWith } from '../../wire/violations.ts'

type Plain = Readonly<Record<string, unknown>>

export const loadAccessSchema = z.strictObject({ user: idSchema, tenant: idSchema, minPosition: positionSchema.exactOptional() })

export const loadPolicySchema = z.strictObject({
  revision: z.string().regex(/^[0-9a-f]{64}$/, { error: () => 'must be a whole revision: 64 digits (0-9, a-f)' }),
})

const BEAT_MESSAGE = 'must be a whole number from 1 to 9007199254740991'
const beatSchema = z
  .number({ error: (issue) => (issue.input === undefined ? 'is required' : BEAT_MESSAGE) })
  .refine((value) => Number.isSafeInteger(value) && value > 0, { error: () => BEAT_MESSAGE })

const firstSchema = z.strictObject({
  // A position of 0 is what proto3 does not write.
  from: z
    .strictObject({ incarnation: idSchema, position: positionSchema.default(0), callerDigest: idSchema.exactOptional() })
    .exactOptional(),
  beat: beatSchema.exactOptional(),
})
const laterSchema = z.strictObject({
  from: z.never({ error: () => 'must be in the first message only' }).exactOptional(),
  beat: beatSchema,
})

export type WatchAccessFirst = z.output<typeof firstSchema>

export function parseWatchAccessFirst(plain: Plain): WatchAccessFirst {
  return parseWith(firstSchema, plain)
}

export function parseWatchAccessLater(plain: Plain): number {
  return parseWith(laterSchema, plain).beat
}
