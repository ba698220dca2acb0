/** The messages of a check written and read by hand say what the library says of the same bytes, or leave it to the library. */
import { join } from 'node:path'
import { loadSync, type MessageTypeDefinition } from '@grpc/proto-loader'
import { expect, it } from '@jest/globals'
import fc from 'fast-check'
import type { Question } from '../../../src/client/client.ts'
import { readBatch, readCheck, writeBatch, writeCheck } from '../../../src/client/wires/check-codec.ts'
import { jsonToStruct } from '../../../src/decision/translate/struct.ts'
import { packageRoot } from '../../../src/ground/package-root.ts'

type Plain = Readonly<Record<string, unknown>>

const loaded = loadSync(['castellan/v1/decision_service.proto'], {
  includeDirs: [join(packageRoot(), 'proto')],
  longs: Number,
  enums: String,
  defaults: false,
  oneofs: true,
})
function typeOf(name: string): { serialize(message: object): Buffer; deserialize(bytes: Buffer): Plain } {
  const type = loaded[`castellan.v1.${name}`] as MessageTypeDefinition<object, object>
  return { serialize: (message) => type.serialize(message), deserialize: (bytes) => type.deserialize(bytes) as Plain }
}
const [checkRequest, batchRequest] = [typeOf('CheckRequest'), typeOf('BatchCheckRequest')]
const [checkAnswer, batchAnswer] = [typeOf('CheckResponse'), typeOf('BatchCheckResponse')]

// Around every length at which a head becomes longer, and of every length of UTF-8.
const text = fc.oneof(
  fc.string({ unit: 'binary', minLength: 1, maxLength: 8 }),
  fc.constantFrom(
    'a',
    'ä'.repeat(63),
    'ä'.repeat(64),
    'é',
    '€',
    '😀',
    'x'.repeat(127),
    'x'.repeat(128),
    'y'.repeat(16_400),
    `${'z'.repeat(126)}ü`,
  ),
)
const json = fc.letrec<{ value: unknown; object: Record<string, unknown> }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    text,
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 4 }),
    tie('object'),
  ),
  object: fc.dictionary(text, tie('value'), { maxKeys: 4 }),
}))
const minPosition = fc.option(fc.maxSafeNat(), { nil: undefined })
const question = fc.oneof(
  fc.record({ user: text, tenant: text, permission: text, resource: json.object }, { requiredKeys: ['user', 'tenant', 'permission'] }),
  fc.record({ accessToken: text, tenant: text, permission: text }, { requiredKeys: ['accessToken', 'permission'] }),
) as fc.Arbitrary<Question>

const messageOf = ({ resource, ...rest }: Question) => (resource === undefined ? rest : { ...rest, resource: jsonToStruct(resource) })
const withPosition = (message: object, position: number | undefined) =>
  position === undefined ? message : { ...message, minPosition: position }

it('a question is the bytes that the library writes', () => {
  fc.assert(
    fc.property(question, minPosition, (asked, position) => {
      const bytes = writeCheck(asked, position)
      // What it means, in whatever order fields stand.
      const meant = checkRequest.serialize(withPosition(messageOf(asked), position))
      expect(checkRequest.deserialize(bytes)).toEqual(checkRequest.deserialize(meant))
      expect(bytes).toHaveLength(meant.length)
    }),
  )
})

it('a batch of questions is the bytes that the library writes', () => {
  fc.assert(
    fc.property(fc.array(question, { minLength: 1, maxLength: 5 }), minPosition, (asked, position) => {
      const bytes = writeBatch(asked, position)
      const meant = batchRequest.serialize(withPosition({ items: asked.map(messageOf) }, position))
      expect(batchRequest.deserialize(bytes)).toEqual(batchRequest.deserialize(meant))
      expect(bytes).toHaveLength(meant.length)
    }),
  )
})

// Few different texts, so that they repeat, with the same length and with others.
const said = fc.oneof(
  fc.constantFrom('ROLE', 'RULE', 'reader', 'writer', 'r', 'x'.repeat(129), 'y'.repeat(129), `y${'x'.repeat(128)}`),
  text,
)
const moment = fc.record({ seconds: fc.nat(), nanos: fc.nat(999_999_999) }, { requiredKeys: [] })
const decision = fc.record(
  {
    allowed: fc.boolean(),
    reason: said,
    decisionId: text,
    policyRevision: said,
    position: fc.maxSafeNat(),
    via: fc.array(said, { maxLength: 3 }),
    validUntil: moment,
    expiredAt: moment,
    validFrom: moment,
    hint: said,
  },
  { requiredKeys: [] },
)

/** Without what is not there, and without what the library adds of itself: which of two fields an item has. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value ?? null, (key, one: unknown) => (key === 'result' || isNothing(one) ? undefined : one)))
}
function isNothing(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0
}

it('decisions are read as the library reads them', () => {
  fc.assert(
    fc.property(fc.array(decision, { minLength: 1, maxLength: 6 }), (decisions) => {
      const [one] = decisions
      const single = checkAnswer.serialize(one ?? {})
      expect(plain(readCheck(single))).toEqual(plain(checkAnswer.deserialize(single)))
      const bytes = batchAnswer.serialize({ items: decisions.map((made) => ({ decision: made })) })
      expect(plain(readBatch(bytes))).toEqual(plain(batchAnswer.deserialize(bytes)))
    }),
  )
})

it('bytes that are damaged, cut or none are read as the library reads them, or left to it', () => {
  const damage = fc.record({ at: fc.nat(), byte: fc.nat(255), cut: fc.nat(), extra: fc.uint8Array({ maxLength: 6 }) })
  const expectSame = (bytes: Buffer, read: (bytes: Buffer) => unknown, library: typeof batchAnswer) => {
    const mine = read(bytes)
    if (mine !== undefined) expect(plain(mine)).toEqual(plain(library.deserialize(bytes)))
  }
  fc.assert(
    fc.property(fc.array(decision, { maxLength: 3 }), damage, (decisions, { at, byte, cut, extra }) => {
      const items = decisions.map((made) => ({ decision: made }))
      const good = batchAnswer.serialize({ items })
      const single = checkAnswer.serialize(items[0]?.decision ?? {})
      for (const [whole, read, library] of [
        [good, readBatch, batchAnswer],
        [single, readCheck, checkAnswer],
      ] as const) {
        expectSame(whole.subarray(0, cut % (whole.length + 1)), read, library)
        expectSame(Buffer.concat([whole, extra]), read, library)
        const changed = Buffer.from(whole)
        if (changed.length > 0) changed[at % changed.length] = byte
        expectSame(changed, read, library)
      }
    }),
    { numRuns: 300 },
  )
})

it('what a service of a later version adds is left out, and an item that is an error is the library’s', () => {
  const good = checkAnswer.serialize({ allowed: true, reason: 'ROLE' })
  // Fields 11 to 17, of each wire type: a whole number, eight bytes, a text, four bytes, and one with a tag of two bytes.
  const added = Buffer.from([88, 0x96, 0x01, 97, 1, 2, 3, 4, 5, 6, 7, 8, 106, 2, 65, 66, 117, 1, 2, 3, 4, 0x8a, 0x01, 1, 67])
  expect(plain(readCheck(Buffer.concat([added, good, added])))).toEqual({ allowed: true, reason: 'ROLE' })
  // A tag beyond 32 bits means another field to who cuts it.
  expect(readCheck(Buffer.concat([good, Buffer.from([0xd8, 0x80, 0x80, 0x80, 0x10, 1])]))).toBeUndefined()
  const mixed = batchAnswer.serialize({ items: [{ decision: { allowed: true } }, { error: { code: 'internal' } }] })
  expect(readBatch(mixed)).toBeUndefined()
})
