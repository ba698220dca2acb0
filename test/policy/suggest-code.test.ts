/** A suggested code is valid, new and the same every time, however many names ask for one. */
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { isCode, isPermissionName } from '../../src/policy/grammar.ts'
import { suggestCodes } from '../../src/policy/suggest-code.ts'

const suggest = (names: readonly string[], taken: readonly string[] = []) => [...suggestCodes(names, new Set(taken)).values()]

describe('a suggested code', () => {
  it.each([
    ['coding.view-page', 'c.vp'],
    ['coding.medical-stay.trigger-ai-coding', 'c.ms.tac'],
    ['coding.medical-stay.can-cancel-action.from-validated', 'c.ms.cca.fv'],
    ['finance.invoice.read', 'f.i.r'],
    ['a--b-.c2-d', 'ab.cd'],
  ])('is the initials of each part: %s', (name, code) => {
    expect(suggest([name])).toEqual([code])
  })

  it('that would be taken has more letters of the verb, then of other words, then a number', () => {
    expect(suggest(['sales.quote.share'], ['s.q.s'])).toEqual(['s.q.sh'])
    expect(suggest(['sales.quote.share'], ['s.q.s', 's.q.sh'])).toEqual(['s.qu.s'])
    expect(suggest(['a.b'], ['x.y'])).toEqual(['a.b2'])
    expect(suggest(['a.x-y'], ['a.xy'])).toEqual(['a.xy2'])
  })

  it('of names that are asked together is another one for each', () => {
    expect(suggest(['sales.quote.send', 'sales.quote.share', 'sales.quote.sign'])).toEqual(['s.q.s', 's.q.sh', 's.q.si'])
  })

  it('is at most 16 characters long', () => {
    expect(suggest(['a-b-c-d-e-f.g-h-i-j-k-l.m-n-o-p.q-r-s-t.u-v-w-x-y-z'])[0]).toHaveLength(16)
  })

  const word = fc.stringMatching(/^[a-z][a-z0-9]{0,6}$/)
  const segment = fc.array(word, { minLength: 1, maxLength: 5 }).map((words) => words.join('-'))
  const name = fc
    .array(segment, { minLength: 2, maxLength: 5 })
    .map((segments) => segments.join('.'))
    .filter(isPermissionName)

  it('of any names is valid, new, different from each other and from all names, and the same again', () => {
    fc.assert(
      fc.property(fc.uniqueArray(name, { maxLength: 60 }), fc.array(name, { maxLength: 20 }), (names, others) => {
        const taken = new Set([...others, ...suggest(others)])
        const codes = suggestCodes(names, taken)
        expect([...codes.keys()]).toEqual(names)
        for (const code of codes.values())
          expect([code, isCode(code), taken.has(code), names.includes(code)]).toEqual([code, true, false, false])
        expect(new Set(codes.values()).size).toBe(names.length)
        expect(suggestCodes(names, taken)).toEqual(codes)
      }),
      { numRuns: 200 },
    )
  })

  it('of five thousand names that have the same initials is still valid and another one for each', () => {
    const names = Array.from({ length: 5_000 }, (_, index) => `coding.medical-stay.run-x${index}`)
    const codes = suggest(names)
    expect(new Set(codes).size).toBe(5_000)
    expect(codes.every(isCode)).toBe(true)
  })
})
