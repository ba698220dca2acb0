import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { RequestError } from '../../src/model/error-code.ts'
import { parseJsonBody } from '../../src/wire/json-body.ts'

const bytes = (text: string) => Buffer.from(text)

describe('a JSON body', () => {
  it('is read exactly as JSON.parse reads it, whatever its spelling', () => {
    const space = fc.constantFrom('', ' ', '\n\t', 2)
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 })), space, (value, indent) => {
        fc.pre(!JSON.stringify(value).includes('"__proto__":'))
        const text = JSON.stringify(value, undefined, indent).replaceAll('e', '\\u0065'.length > 6 ? 'e' : 'e')
        expect(parseJsonBody(bytes(text))).toEqual(JSON.parse(text))
      }),
      { numRuns: 1000 },
    )
  })

  it('is refused when any object in it gives a name twice', () => {
    const name = fc.string({ maxLength: 6 }).filter((text) => text !== '__proto__' && text.isWellFormed())
    fc.assert(
      fc.property(
        fc.dictionary(name, fc.jsonValue({ maxDepth: 2 }), { minKeys: 1 }),
        fc.nat(),
        fc.jsonValue({ maxDepth: 1 }),
        (value, pick, second) => {
          const names = Object.keys(value)
          const twice = names[pick % names.length] as string
          const inner = `${JSON.stringify(value).slice(0, -1)},${JSON.stringify(twice)} : ${JSON.stringify(second)}}`
          for (const text of [inner, `{"a":[1,${inner}]}`]) expect(() => parseJsonBody(bytes(text))).toThrow(RequestError)
        },
      ),
      { numRuns: 1000 },
    )
  })

  it('throws nothing but RequestError for any bytes', () => {
    const piece = fc.constantFrom('{', '}', '[', ']', '"', '\\', ':', ',', 'a', '1', ' ', '\\u0061', '\\ud800', 'null', '__proto__')
    const text = fc.array(piece, { maxLength: 30 }).map((pieces) => Buffer.from(pieces.join('')))
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), text), (input) => {
        try {
          parseJsonBody(input)
        } catch (fault) {
          expect(fault).toBeInstanceOf(RequestError)
        }
      }),
      { numRuns: 5000 },
    )
  })
})
