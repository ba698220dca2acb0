/** What a process stands on when its database begins from an image: secrets and an incarnation that no other process from it has. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { systemClock } from '../../src/ground/clock.ts'
import { Lifecycle } from '../../src/ground/lifecycle.ts'
import { openLog } from '../../src/ground/log.ts'
import { openMetrics } from '../../src/ground/metrics.ts'
import { systemRandom } from '../../src/ground/random.ts'
import { openFoundation } from '../../src/main/open-foundation.ts'
import { makePreparedDatabase } from '../../src/store/make-prepared-database.ts'

let folder: string
let archive: Blob

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'castellan-foundation-'))
  archive = new Blob([new Uint8Array(await makePreparedDatabase(join(folder, 'made')))])
})
afterAll(async () => await rm(folder, { recursive: true, force: true }))

async function incarnationOfNew(): Promise<string | undefined> {
  const lifecycle = new Lifecycle()
  try {
    const { access } = await openFoundation(
      { database: { kind: 'pglite', archive }, schema: 'migrate', cacheBytes: 1_000_000, redis: undefined },
      { clock: systemClock, random: systemRandom, log: openLog('silent', { write: () => undefined }), metrics: openMetrics() },
      undefined,
      lifecycle,
    )
    // What follows the point tells copies of one database apart.
    return access.freshness.incarnation()?.split('.')[0]
  } finally {
    await lifecycle.close(() => undefined)
  }
}

describe('two processes whose databases began from one image', () => {
  it('are not of one incarnation: what one keeps is never taken for the other one’s', async () => {
    const [one, other] = [await incarnationOfNew(), await incarnationOfNew()]
    expect([one, other]).not.toContain('00000000-0000-0000-0000-000000000000')
    expect(one).toMatch(/^[0-9a-f-]{36}$/)
    expect(other).not.toBe(one)
  })
})
