/** What an id may be: the short way for plain ASCII says what the long way says. */
import { expect, it } from '@jest/globals'
import fc from 'fast-check'
import { idFault } from '../../src/model/ids.ts'
import { ID_BYTES_MAX } from '../../src/model/limits.ts'

it.each([
  ['', 'must not be empty'],
  ['a\n', 'must not contain control characters'],
  ['\u007f', 'must not contain control characters'],
  ['\u0085', 'must not contain control characters'],
  ['\ud800', 'must be well-formed Unicode'],
  ['\ufffd', 'must be well-formed Unicode'],
  ['x'.repeat(ID_BYTES_MAX + 1), 'must be at most 256 bytes of UTF-8'],
  ['é'.repeat(ID_BYTES_MAX / 2 + 1), 'must be at most 256 bytes of UTF-8'],
  ['é'.repeat(ID_BYTES_MAX / 2), undefined],
  [`${'x'.repeat(ID_BYTES_MAX - 2)} ~`, undefined],
])('%j: %s', (id, fault) => expect(idFault(id)).toBe(fault))

it('any text without control characters and broken ones, of at most its bytes, is an id; no other is', () => {
  const text = fc.string({
    unit: fc.oneof(fc.constantFrom('a', '~', ' ', '\n', '\u0080', 'é', '😀', '\ud800', '\ufffd'), fc.string({ maxLength: 1 })),
    maxLength: 300,
  })
  fc.assert(
    fc.property(text, (id) => {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
      const good = id !== '' && Buffer.byteLength(id) <= ID_BYTES_MAX && id.isWellFormed() && !/[\u0000-\u001f\u007f-\u009f\ufffd]/.test(id)
      expect(idFault(id) === undefined).toBe(good)
    }),
  )
})
