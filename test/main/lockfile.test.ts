/** `npm ci` refuses a lockfile from which a platform's packages are missing: on every platform, and before anything else runs. */
import { readFileSync } from 'node:fs'
import { expect, it } from '@jest/globals'

interface Entry {
  readonly engines?: { readonly node?: string }
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

const { packages } = JSON.parse(readFileSync(new URL('../../package-lock.json', import.meta.url), 'utf8')) as {
  readonly packages: Readonly<Record<string, Entry>>
}

it('package-lock.json has every optional package of every platform (node scripts/complete-lock.mjs)', () => {
  const missing = Object.entries(packages).flatMap(([place, { optionalDependencies }]) =>
    Object.keys(optionalDependencies ?? {}).filter(
      (name) => packages[`${place}/node_modules/${name}`] === undefined && packages[`node_modules/${name}`] === undefined,
    ),
  )
  expect(missing).toEqual([])
})

it('package-lock.json has no package that is only for newer versions of Node than we are (package.json, overrides)', () => {
  const least = major(packages['']?.engines?.node)
  const newer = Object.entries(packages).flatMap(([place, { engines }]) => ((major(engines?.node) ?? 0) > (least ?? 0) ? [place] : []))
  expect(least).toBe(20)
  expect(newer).toEqual([])
})

/** The least one that is named, in a range such as `^20.19.0 || >=22`. */
function major(range: string | undefined): number | undefined {
  const named = [...(range ?? '').matchAll(/(?:^|\|\|)\s*[>=^~v\s]*(\d+)/g)].map(([, digits]) => Number(digits))
  return named.length === 0 ? undefined : Math.min(...named)
}
