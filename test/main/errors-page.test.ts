/** The page that documents errors is never stale. */
import { readFileSync } from 'node:fs'
import { expect, it } from '@jest/globals'
import { errorsPage } from '../../src/main/errors-page.ts'

it('docs/errors.md is what the table of errors says now (npm run generate)', () => {
  expect(readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')).toBe(errorsPage())
})
