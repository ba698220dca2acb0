/** Requests for the audit trail as a proof: plain objects of either wire → the model's inputs. Floor 5. */
import { z } from 'zod'
import type { ChainPlace } from '../../model/audit-trail.ts'
import { RequestError } from '../../model/error-code.ts'
import { AUDIT_CHAIN_NUMBER_MAX } from '../../model/observation-limits.ts'
import { pageFields, positionSchema } from '../../wire/scalars.ts'

export const listAuditChainSchema = z.strictObject({
  chain: positionSchema.exactOptional().meta({ description: 'Only this chain; absent: all of them.', examples: [0] }),
  afterSequence: positionSchema.exactOptional().meta({ description: 'Only what stands behind it in `chain`.', examples: [17] }),
  ...pageFields,
})

/** @throws RequestError when only half of a place was named, or no chain has that number */
export function placeOf({ chain, afterSequence }: { readonly chain?: number; readonly afterSequence?: number }): ChainPlace | undefined {
  if (chain === undefined) {
    // 0 is what proto3 says when nothing was said.
    if (afterSequence === undefined || afterSequence === 0) return undefined
    throw new RequestError([{ field: 'chain', message: 'is required beside afterSequence' }])
  }
  if (chain > AUDIT_CHAIN_NUMBER_MAX)
    throw new RequestError([{ field: 'chain', message: `must be a whole number from 0 to ${AUDIT_CHAIN_NUMBER_MAX}` }])
  return { chain, sequence: afterSequence ?? 0 }
}
