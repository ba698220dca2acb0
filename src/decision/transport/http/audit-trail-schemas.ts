/** The shapes of HTTP answers on the audit trail as a proof, for the API description; tests hold real answers against them. Floor 5. */
import { z } from 'zod'
import { audit, instant, page } from './answer-schemas.ts'
import { EXAMPLE_REVISION } from './examples.ts'

const hash = z.string().meta({ description: 'SHA-256, 64 hex digits.', examples: [EXAMPLE_REVISION] })
const chain = z.int().meta({ examples: [0] })
const sequence = z.int().meta({ description: 'From 1 on, without gaps.', examples: [17] })
const link = z.strictObject({ chain, sequence, previousHash: hash, hash })

export const auditChain = z.strictObject({
  entries: z.array(
    z.strictObject({ entry: audit, link: link.exactOptional().meta({ description: 'Absent: the record stands in no chain.' }) }),
  ),
  ...page,
})
export const auditHeads = z.strictObject({ heads: z.array(z.strictObject({ chain, sequence, hash })) })
export const auditCheckpoints = z.strictObject({
  checkpoints: z.array(
    z.strictObject({
      number: z.int(),
      at: instant,
      keyId: z.string(),
      jws: z.string().meta({ description: 'Compact serialization, of type `castellan-audit+jwt`.' }),
    }),
  ),
  ...page,
})
