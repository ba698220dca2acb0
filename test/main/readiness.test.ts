/** What a probe is told: which dependency keeps a replica out, and which only slows it down. */
import { describe, expect, it } from '@jest/globals'
import { openReadiness, type ReadinessNeeds } from '../../src/main/readiness.ts'
import type { PolicyStatus } from '../../src/model/administration.ts'
import { StoreError } from '../../src/model/error-code.ts'

const policy: PolicyStatus = { revision: '0123456789abcdef', loadedAtMs: 0, source: 'directory', permissions: 1, roles: 1, faults: [] }
const well: ReadinessNeeds = {
  serving: () => true,
  store: { ping: async () => undefined },
  freshness: () => ({ fresh: true, ageMs: 39.6, position: 123 }),
  redis: { connected: true, breakerOpen: false },
  policyStatus: () => policy,
}
const report = (change: Partial<ReadinessNeeds> = {}) => openReadiness({ ...well, ...change })()
const checkOf = async (name: string, change: Partial<ReadinessNeeds>) => {
  const { ready, checks } = await report(change)
  return { ready, ...checks.find((check) => check.name === name) }
}

describe('readiness', () => {
  it('names every part of a replica that is well', async () => {
    expect(await report()).toEqual({
      ready: true,
      checks: [
        { name: 'service', ok: true, text: 'serving' },
        { name: 'database', ok: true, text: 'answers' },
        { name: 'freshness', ok: true, text: 'feed position 123, read 40 ms ago' },
        { name: 'cache', ok: true, text: 'memory and Redis' },
        { name: 'policy', ok: true, text: 'revision 0123456789ab in force' },
      ],
    })
  })

  it.each<[string, Partial<ReadinessNeeds>, string]>([
    ['service', { serving: () => false }, 'starting or stopping'],
    ['database', { store: { ping: () => Promise.reject(new StoreError('gone')) } }, 'does not answer'],
    ['freshness', { freshness: () => ({ fresh: false, ageMs: 1_340, position: 123 }) }, 'feed not read for 1.3 s; checks ask the database'],
    [
      'freshness',
      { freshness: () => ({ fresh: false, ageMs: Number.POSITIVE_INFINITY, position: undefined }) },
      'feed not read yet; checks ask the database',
    ],
    [
      'policy',
      {
        policyStatus: () => {
          throw new StoreError('none')
        },
      },
      'none in force',
    ],
  ])('takes a replica out by its %s', async (name, change, text) => {
    expect(await checkOf(name, change)).toEqual({ ready: false, name, ok: false, text })
  })

  it.each<[string, ReadinessNeeds['redis'], string]>([
    ['is not there', { connected: false, breakerOpen: false }, 'memory; Redis unreachable'],
    ['is passed over', { connected: true, breakerOpen: true }, 'memory; Redis unreachable'],
    ['was never wanted', undefined, 'memory'],
  ])('takes no replica out because Redis %s', async (_, redis, text) => {
    expect(await checkOf('cache', { redis })).toEqual({ ready: true, name: 'cache', ok: true, text })
  })

  it.each<[string, Partial<PolicyStatus>, string]>([
    ['newer files were refused', { faults: ['a', 'b'] }, 'newer files refused, faults: 2'],
    ['another revision than that of its files is in force', { source: 'stored', faults: ['a'] }, 'not that of the files here, faults: 1'],
  ])('takes no replica out because %s', async (_, status, text) => {
    const found = await checkOf('policy', { policyStatus: () => ({ ...policy, ...status }) })
    expect(found).toEqual({ ready: true, name: 'policy', ok: true, text: `revision 0123456789ab in force; ${text}` })
  })
})
