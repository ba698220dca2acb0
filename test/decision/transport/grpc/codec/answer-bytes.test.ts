import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { decisionMessage, permissionsMessage, resultMessage } from '../../../../../src/decision/translate/decision-answers.ts'
import { grpcForm } from '../../../../../src/decision/translate/wire-form.ts'
import { AnswerBytes, FRAME_BYTES } from '../../../../../src/decision/transport/grpc/codec/answer-bytes.ts'
import { loadDefinitions } from '../../../../../src/decision/transport/grpc/definitions.ts'
import type { Decision, PermissionsAnswer } from '../../../../../src/model/decision.ts'
import { RequestError } from '../../../../../src/model/error-code.ts'

const definitions = loadDefinitions()
const answers = new AnswerBytes(definitions)

function expectFramed(framed: Buffer, name: string, message: object): void {
  const body = definitions.serialize(`castellan.v1.${name}`, message)
  const frame = Buffer.alloc(FRAME_BYTES)
  frame.writeUInt32BE(body.length, 1)
  expect(framed.equals(Buffer.concat([frame, body]))).toBe(true)
}

const word = fc.oneof(
  { weight: 6, arbitrary: fc.string({ unit: 'grapheme-ascii', maxLength: 40 }) },
  fc.string({ unit: 'grapheme', maxLength: 8 }),
  fc.constantFrom('x'.repeat(127), 'x'.repeat(128), 'é'.repeat(100)),
)
const position = fc.oneof(fc.maxSafeNat(), fc.nat(20_000), fc.constantFrom(0, 127, 128, 2 ** 31 - 1, 2 ** 31, 2 ** 35))
const moment = fc.option(fc.integer({ min: -1_000_000, max: 4_000_000_000_000 }), { nil: undefined, freq: 8 })
const basis = { permissions: [], policy: {} }
const decision = fc
  .record({
    allowed: fc.boolean(),
    reason: word,
    via: fc.array(word, { maxLength: 4 }),
    decisionId: word,
    policyRevision: word,
    position,
    validUntilMs: moment,
    expiredAtMs: moment,
    validFromMs: moment,
    hint: fc.option(word, { nil: undefined, freq: 8 }),
  })
  .map(
    (fields) =>
      ({ ...Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)), basis }) as unknown as Decision,
  )
const fault = fc.constantFrom<Error>(new RequestError([{ field: 'items[1].user', message: 'is required' }], 'Name one.'), new Error('bang'))
const result = fc.oneof({ weight: 5, arbitrary: decision }, fault)

describe('an answer written by hand', () => {
  it('has the bytes that the library writes for a decision', () => {
    fc.assert(fc.property(decision, (one) => expectFramed(answers.check(one), 'CheckResponse', decisionMessage(one, grpcForm))))
  })

  it('has them for a batch, with errors in their places', () => {
    fc.assert(
      fc.property(fc.array(result, { maxLength: 5 }), (results) =>
        expectFramed(answers.batch(results), 'BatchCheckResponse', { items: results.map((one) => resultMessage(one, grpcForm)) }),
      ),
    )
  })

  it('has them for the item of a stream', () => {
    fc.assert(
      fc.property(word, result, (id, one) =>
        expectFramed(answers.streamed(id, one), 'CheckStreamResponse', { id, ...resultMessage(one, grpcForm) }),
      ),
    )
  })

  it('has them for many permissions', () => {
    const answer = fc.record(
      { allowed: fc.array(fc.boolean(), { minLength: 1, maxLength: 300 }), decisionId: word, policyRevision: word, position, denied: word },
      { requiredKeys: ['allowed', 'decisionId', 'policyRevision', 'position'] },
    )
    fc.assert(
      fc.property(answer, (one) =>
        expectFramed(
          answers.permissions(one as unknown as PermissionsAnswer),
          'CheckPermissionsResponse',
          permissionsMessage(one as unknown as PermissionsAnswer),
        ),
      ),
    )
  })
})
