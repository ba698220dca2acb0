/** The answer's text by hand is the text of its message. */
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { decisionMessage } from '../../../src/decision/translate/decision-answers.ts'
import { decisionJson } from '../../../src/decision/translate/decision-json.ts'
import { httpForm } from '../../../src/decision/translate/wire-form.ts'
import { type Decision, REASONS } from '../../../src/model/decision.ts'

const ms = fc.integer({ min: 0, max: 4_102_444_800_000 })
const decisions = fc.record(
  {
    allowed: fc.boolean(),
    reason: fc.constantFrom(...REASONS),
    decisionId: fc.uuid(),
    policyRevision: fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 64, maxLength: 64 }),
    position: fc.maxSafeNat(),
    via: fc.array(fc.string({ unit: 'binary' }), { maxLength: 4 }),
    validUntilMs: ms,
    expiredAtMs: ms,
    validFromMs: ms,
    hint: fc.string({ unit: 'binary' }),
  },
  { requiredKeys: ['allowed', 'reason', 'decisionId', 'policyRevision', 'position', 'via'] },
)

test('the JSON of a decision is, character for character, that of its message', () => {
  fc.assert(
    fc.property(decisions, (fields) => {
      const decision = { ...fields, basis: { permissions: [] } } as unknown as Decision
      expect(decisionJson(decision)).toBe(JSON.stringify(decisionMessage(decision, httpForm)))
    }),
  )
})
