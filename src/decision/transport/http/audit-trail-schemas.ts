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
    z.strictObject({
      entry: audit,
      link: link.exactOptional().meta({ description: 'Absent: the record stands in no chain.' }),
      impossible: z
        .string()
        .exactOptional()
        .meta({
          description: 'What in the row nothing of the service can have written; the entry then holds what comes nearest.',
          examples: ['at infinity'],
        }),
    }),
  ),
  ...page,
})
export const auditHeads = z.strictObject({
  heads: z.array(z.strictObject({ chain, sequence, hash })),
  chains: z.array(z.int()).meta({ description: 'All that records stand in, whether or not they have a head.', examples: [[0, 7]] }),
})
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
