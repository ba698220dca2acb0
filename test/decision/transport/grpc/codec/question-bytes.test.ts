import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { parseBatch, parseCheck, parsePermissions, plainBatch } from '../../../../../src/decision/translate/decision-requests.ts'
import { plainRequest } from '../../../../../src/decision/translate/grpc-message.ts'
import { QuestionBytes } from '../../../../../src/decision/transport/grpc/codec/question-bytes.ts'
import { loadDefinitions } from '../../../../../src/decision/transport/grpc/definitions.ts'
import { ID_BYTES_MAX } from '../../../../../src/model/limits.ts'

const definitions = loadDefinitions()
const questions = new QuestionBytes()

type Message = Readonly<Record<string, unknown>>
const decode = (name: string, bytes: Uint8Array) => definitions.deserialize(`castellan.v1.${name}`, bytes)
const encode = (name: string, message: object) => definitions.serialize(`castellan.v1.${name}`, message)

/** What is read by hand, and what the library and the schemas make of the same bytes. */
const FORMS: Readonly<Record<string, { byHand(bytes: Uint8Array): unknown; byLibrary(bytes: Uint8Array): unknown }>> = {
  CheckRequest: {
    byHand: (bytes) => questions.check(bytes),
    byLibrary: (bytes) => parseCheck(plainRequest(decode('CheckRequest', bytes))),
  },
  BatchCheckRequest: {
    byHand: (bytes) => questions.batch(bytes),
    byLibrary: (bytes) => parseBatch(plainBatch(decode('BatchCheckRequest', bytes))),
  },
  CheckPermissionsRequest: {
    byHand: (bytes) => questions.permissions(bytes),
    byLibrary: (bytes) => parsePermissions(plainRequest(decode('CheckPermissionsRequest', bytes))),
  },
  CheckStreamRequest: {
    byHand: (bytes) => questions.streamed(bytes),
    byLibrary(bytes) {
      const { id, check } = decode('CheckStreamRequest', bytes)
      return { id, check: parseCheck(plainRequest(check as Message)) }
    },
  },
}

/** @returns whether it was read by hand */
function agrees(name: string, bytes: Uint8Array): boolean {
  const byHand = FORMS[name]?.byHand(bytes)
  if (byHand !== undefined) expect(byHand).toEqual(FORMS[name]?.byLibrary(bytes))
  return byHand !== undefined
}

const text = fc.oneof(
  { weight: 5, arbitrary: fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 20 }) },
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.constantFrom('', 'x'.repeat(64), 'x'.repeat(65), 'x'.repeat(ID_BYTES_MAX), 'x'.repeat(ID_BYTES_MAX + 1)),
)
const position = fc.option(fc.oneof(fc.maxSafeNat(), fc.nat(300), fc.constantFrom(2 ** 49 - 1, 2 ** 49)), { nil: undefined })
const resource = fc.option(fc.constant({ fields: { region: { stringValue: 'north' } } }), { nil: undefined, freq: 9 })
const token = fc.option(text, { nil: undefined, freq: 9 })
const optional = fc.option(text, { nil: undefined })
const check = fc.record({ user: text, tenant: text, permission: text, minPosition: position, resource, accessToken: token })
const item = fc.record({ user: optional, tenant: optional, permission: text, resource, accessToken: token })
const messages = fc.oneof(
  fc.tuple(fc.constant('CheckRequest'), check),
  fc.tuple(
    fc.constant('BatchCheckRequest'),
    fc.record({ user: optional, tenant: optional, items: fc.array(item, { maxLength: 4 }), minPosition: position, accessToken: token }),
  ),
  fc.tuple(
    fc.constant('CheckPermissionsRequest'),
    fc.record({ user: text, tenant: text, permissions: fc.array(text, { maxLength: 4 }), minPosition: position, accessToken: token }),
  ),
  fc.tuple(fc.constant('CheckStreamRequest'), fc.record({ id: text, check })),
) as fc.Arbitrary<[string, Message]>

describe('a question read from its bytes by hand', () => {
  it('is what the library and the schemas make of them, whatever stands in the message', () => {
    fc.assert(
      fc.property(messages, ([name, message]) => void agrees(name, encode(name, message))),
      { numRuns: 500 },
    )
  })

  it('is it also after any byte was changed, dropped or added, or a second message was joined', () => {
    fc.assert(
      fc.property(messages, messages, fc.nat(), fc.nat(255), ([name, message], [, other], where, byte) => {
        const bytes = encode(name, message)
        const at = where % (bytes.length + 1)
        agrees(name, Buffer.concat([bytes.subarray(0, at), Buffer.of(byte), bytes.subarray(at)]))
        agrees(name, Buffer.concat([bytes.subarray(0, at), Buffer.of(byte), bytes.subarray(at + 1)]))
        agrees(name, bytes.subarray(0, at))
        agrees(name, Buffer.concat([bytes, encode(name, other)]))
      }),
    )
  })

  it('is it for bytes that are close to a message', () => {
    const near = fc.array(fc.oneof(fc.constantFrom(0x0a, 0x12, 0x1a, 0x20, 0x28, 1, 2, 3, 0x61, 0x80), fc.nat(255)), { maxLength: 24 })
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(FORMS)), near, (name, bytes) => void agrees(name, Buffer.from(bytes))),
      { numRuns: 2_000 },
    )
  })

  it('is read so when its names are of visible ASCII and nothing rare stands in it', () => {
    const name = fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: ID_BYTES_MAX })
    const small = fc.option(fc.nat(), { nil: undefined })
    const plain = fc.record({ user: name, tenant: name, permission: name, minPosition: small })
    fc.assert(
      fc.property(plain, name, ({ user, tenant, permission, minPosition }, id) => {
        const asked = { user, tenant, permission, minPosition }
        expect(agrees('CheckRequest', encode('CheckRequest', asked))).toBe(true)
        expect(agrees('CheckStreamRequest', encode('CheckStreamRequest', { id, check: asked }))).toBe(true)
        const items = [{ permission }, { user, tenant: id, permission }]
        expect(agrees('BatchCheckRequest', encode('BatchCheckRequest', { user, tenant, items, minPosition }))).toBe(true)
        const permissions = [permission, id, permission]
        expect(agrees('CheckPermissionsRequest', encode('CheckPermissionsRequest', { user, tenant, permissions, minPosition }))).toBe(true)
      }),
    )
  })

  it.each(['', 'ünal', 'a\u007f', 'a\u0080', '\u001f', 'x'.repeat(ID_BYTES_MAX + 1)])(
    'is left to the schemas with a name like %j',
    (user) => {
      expect(questions.check(encode('CheckRequest', { user, tenant: 'north', permission: 'a' }))).toBeUndefined()
      expect(
        questions.streamed(encode('CheckStreamRequest', { id: user, check: { user: 'ann', tenant: 'a', permission: 'a' } })),
      ).toBeUndefined()
      expect(
        questions.permissions(encode('CheckPermissionsRequest', { user: 'ann', tenant: 'a', permissions: ['a', user] })),
      ).toBeUndefined()
      expect(questions.batch(encode('BatchCheckRequest', { user: 'ann', tenant: user, items: [{ permission: 'a' }] }))).toBeUndefined()
    },
  )

  it('is not longer than a batch may be', () => {
    const items = (count: number) => ({ user: 'ann', tenant: 'north', items: Array.from({ length: count }, () => ({ permission: 'a' })) })
    expect(questions.batch(encode('BatchCheckRequest', items(1_000)))).toHaveLength(1_000)
    expect(questions.batch(encode('BatchCheckRequest', items(1_001)))).toBeUndefined()
    const names = (count: number) => ({ user: 'ann', tenant: 'north', permissions: Array.from({ length: count }, () => 'a') })
    expect(questions.permissions(encode('CheckPermissionsRequest', names(1_000)))?.permissions).toHaveLength(1_000)
    expect(questions.permissions(encode('CheckPermissionsRequest', names(1_001)))).toBeUndefined()
  })

  it('never mixes up names that share a place in the table', () => {
    const names = Array.from({ length: 20_000 }, (_, index) => `user-${index}`)
    for (const round of [1, 2])
      for (const user of names)
        if (questions.check(encode('CheckRequest', { user, tenant: 't', permission: 'p' }))?.user !== user)
          throw new Error(`${user} in round ${round} was taken for another`)
  })
})
