/** Questions about very many people are drawn as Zipf would have them, and as often about the warm ones as is said. */
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { rankOf, ranksOfShare } from '../../bench/zipf/law.ts'

const law = { people: 1_000_000, exponent: 1.2 }

describe('a law of Zipf', () => {
  it('draws everybody and nobody else, and the first one most', () => {
    expect(rankOf(law, 0)).toBe(1)
    expect(rankOf(law, 1 - Number.EPSILON)).toBeGreaterThan(0.99 * law.people)
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), fc.integer({ min: 1, max: 1e6 }), (chance, people) => {
        const rank = rankOf({ people, exponent: 1.2 }, chance)
        expect(Number.isInteger(rank) && rank >= 1 && rank <= people).toBe(true)
      }),
    )
  })

  it('draws nobody less often than somebody behind, by equal steps of chance', () => {
    const ranks = Array.from({ length: 1_000 }, (_, step) => rankOf(law, step / 1_000))
    expect(ranks).toEqual([...ranks].sort((one, other) => one - other))
    // Nine of ten questions are about one in a hundred.
    expect(ranksOfShare(law, 0.9)).toBeLessThan(law.people / 50)
    expect(ranks.filter((rank) => rank <= ranksOfShare(law, 0.9)).length).toBeGreaterThanOrEqual(900)
  })
})
