/** A law of Zipf over very many people, as a density that can be drawn from at once. Pure. */

export interface ZipfLaw {
  readonly people: number
  /** Above 1: the k-th is asked about in proportion to k to the power of -exponent. */
  readonly exponent: number
}

/** @param chance from 0 to just below 1, uniform. @returns from 1, the one that is asked about most, to `people` */
export function rankOf({ people, exponent }: ZipfLaw, chance: number): number {
  const power = 1 - exponent
  return Math.min(people, Math.floor((1 - chance * (1 - people ** power)) ** (1 / power)))
}

/** How many of the most frequent ones make up this share of all questions. */
export function ranksOfShare(law: ZipfLaw, share: number): number {
  return rankOf(law, share)
}

/** The same drawing as `rankOf`, as a function of Lua. */
export function luaRank({ people, exponent }: ZipfLaw): string {
  const power = 1 - exponent
  return `local function rank(chance)
  return math.min(${people}, math.floor((1 - chance * ${1 - people ** power}) ^ ${1 / power}))
end`
}
