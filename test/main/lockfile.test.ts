/** `npm ci` refuses a lockfile from which a platform's packages are missing: on every platform, and before anything else runs. */
import { readFileSync } from 'node:fs'
import { expect, it } from '@jest/globals'

interface Entry {
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

it('package-lock.json has every optional package of every platform (node scripts/complete-lock.mjs)', () => {
  const { packages } = JSON.parse(readFileSync(new URL('../../package-lock.json', import.meta.url), 'utf8')) as {
    readonly packages: Readonly<Record<string, Entry>>
  }
  const missing = Object.entries(packages).flatMap(([place, { optionalDependencies }]) =>
    Object.keys(optionalDependencies ?? {}).filter(
      (name) => packages[`${place}/node_modules/${name}`] === undefined && packages[`node_modules/${name}`] === undefined,
    ),
  )
  expect(missing).toEqual([])
})
