/** Replicas where published revisions rule: how the first policy comes, that no folder is looked at afterwards, and what a replica without any says. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { systemClock } from '../../src/ground/clock.ts'
import { openLog } from '../../src/ground/log.ts'
import { openMetrics } from '../../src/ground/metrics.ts'
import { systemRandom } from '../../src/ground/random.ts'
import { openService, type Service } from '../../src/main/open-service.ts'
import type { PoliciesPlan } from '../../src/main/service-plan.ts'
import type { ChangeContext } from '../../src/model/administration.ts'
import { SCOPES } from '../../src/model/caller.ts'
import { openTestPostgres, type TestPostgres } from '../support/postgres.ts'

const CONTEXT: ChangeContext = { caller: { id: 'test', name: 'test', scopes: SCOPES, tenants: null, builtIn: true }, reason: 'test' }
const KEY = 'k'.repeat(32)

let folder: string
let postgres: TestPostgres
const services: Service[] = []
const logged: Record<string, unknown>[] = []

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'castellan-published-'))
  postgres = await openTestPostgres()
})
afterEach(async () => {
  for (const service of services.splice(0)) await service.stop()
  logged.length = 0
  await postgres.close()
  rmSync(folder, { recursive: true, force: true })
})

const textOf = (title: string) =>
  `apiVersion: castellan/v1\nkind: PermissionCatalogue\nmetadata: { service: s, owner: o }\npermissions:\n  q.read: { code: q.r, title: ${title} }\n`
const filesOf = (title: string) => [{ name: 'a.yaml', text: textOf(title) }]
function writePolicies(name: string, text: string): string {
  const directory = join(folder, name)
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'a.yaml'), text)
  return directory
}

async function open(policies: PoliciesPlan): Promise<Service> {
  const anyPort = { host: '127.0.0.1', port: 0 }
  const service = await openService(
    {
      ...{
        database: { kind: 'postgres', url: postgres.url, poolMax: 5 },
        schema: 'migrate',
        policies,
        adminKey: KEY,
        strictSubjects: false,
      },
      ...{ http: anyPort, grpc: anyPort, probes: anyPort, tls: undefined, connectionAgeMs: 3_600_000, settleMs: 0 },
      ...{ cacheBytes: 1_000_000, redis: undefined },
    },
    {
      ...{ clock: systemClock, random: systemRandom, metrics: openMetrics() },
      log: openLog('info', { write: (line) => void logged.push(JSON.parse(line)) }),
    },
  )
  services.push(service)
  service.ready()
  return service
}
const published = (first?: string) => open({ source: 'published', first })

const titleAt = (service: Service) => service.policy().findPermission('q.read')?.title
const said = (words: string) => logged.filter(({ msg }) => String(msg).includes(words)).length
const activations = async () => await postgres.query('select revision, actor from policy_activation order by id')
async function probe(service: Service) {
  const answer = await fetch(`http://127.0.0.1:${service.ports.probes}/readyz`)
  const { checks } = (await answer.json()) as { readonly checks: readonly { readonly name: string; readonly text: string }[] }
  return { status: answer.status, policy: checks.find(({ name }) => name === 'policy')?.text }
}
async function check(service: Service) {
  const answer = await fetch(`http://127.0.0.1:${service.ports.http}/v1/check`, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ user: 'ann', tenant: 'north', permission: 'q.read' }),
  })
  return { status: answer.status, body: (await answer.json()) as Readonly<Record<string, unknown>> }
}
const metricsOf = async (service: Service) => await (await fetch(`http://127.0.0.1:${service.ports.probes}/metrics`)).text()
/** Until it is so; the limit of the test ends it. */
async function until(isSo: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setImmediate(resolve))
}

describe('a first start', () => {
  it('takes its policy from the folder that was set, once and for good', async () => {
    const service = await published(writePolicies('first', textOf('First')))
    expect(titleAt(service)).toBe('First')
    expect(await activations()).toEqual([{ revision: service.policyRevision(), actor: 'system' }])
    expect(said('the policy folder gave the first one')).toBe(1)
    writePolicies('first', textOf('Edited'))
    await service.reloadPolicies()
    expect(said('nothing is re-read')).toBe(1)
    const later = await published(join(folder, 'first'))
    for (const one of [service, later]) expect(titleAt(one)).toBe('First')
    expect(await activations()).toHaveLength(1)
    expect(later.administration.policyStatus(CONTEXT.caller)).toMatchObject({ source: 'stored', faults: [] })
    expect(said('the policy folder is not looked at')).toBe(1)
  })

  it('of many replicas at once, each with other files, puts one policy in force, once, by which all go', async () => {
    await (await published()).stop()
    const all = await Promise.all(['A', 'B', 'C', 'D'].map((title) => published(writePolicies(title, textOf(title)))))
    expect(new Set(all.map(titleAt)).size).toBe(1)
    expect(await activations()).toEqual([{ revision: all[0]?.policyRevision(), actor: 'system' }])
    expect(said('the policy folder gave the first one')).toBe(1)
  })

  it('is refused with broken files, and leaves nothing behind', async () => {
    await expect(published(writePolicies('broken', 'kind: ['))).rejects.toMatchObject({ code: 'policy_folder_refused' })
    await expect(published(join(folder, 'missing'))).rejects.toMatchObject({ code: 'policy_folder_refused' })
    expect(await activations()).toEqual([])
    expect(await postgres.query('select id from replica')).toEqual([])
  })

  it('without any folder refuses checks and says what to do, until a policy is published and activated, which needs no restart', async () => {
    const [one, other] = [await published(), await published()]
    expect(said('no policy is in force')).toBe(2)
    expect(one.policyRevision()).toBeUndefined()
    for (const service of [one, other]) {
      expect(await probe(service)).toEqual({
        status: 503,
        policy: 'none in force: publish one and activate it: castellan policy publish <folder> --activate',
      })
      expect(await check(service)).toMatchObject({ status: 503, body: { code: 'store_unavailable' } })
    }
    expect(await metricsOf(one)).not.toMatch(/^castellan_policy_info\{/m)
    const { record } = await one.releases.publish(CONTEXT, { files: filesOf('Published') })
    expect((await probe(one)).status).toBe(503)
    expect(await one.releases.activate(CONTEXT, { revision: record.revision })).toMatchObject({ changed: true, effective: true })
    for (const service of [one, other]) {
      expect(await probe(service)).toMatchObject({ status: 200 })
      expect(await check(service)).toMatchObject({ status: 200, body: { allowed: false, reason: 'UNKNOWN_TENANT' } })
      expect(titleAt(service)).toBe('Published')
    }
  })
})

describe('later starts', () => {
  it('do not read the folder at all, broken as it may be', async () => {
    await published(writePolicies('first', textOf('First')))
    expect(titleAt(await published(writePolicies('broken', 'kind: [')))).toBe('First')
    expect(titleAt(await published(join(folder, 'missing')))).toBe('First')
    expect(await activations()).toHaveLength(1)
  })
})

describe('an activation to come', () => {
  it('takes force on all replicas by itself, and is counted until then', async () => {
    const one = await published(writePolicies('first', textOf('First')))
    const other = await published()
    const { record } = await one.releases.publish(CONTEXT, { files: filesOf('Next') })
    const soon = await one.releases.activate(CONTEXT, { revision: record.revision, atMs: Date.now() + 1_000 })
    expect(soon).toMatchObject({ effective: false, scheduled: { state: 'waiting' } })
    const inADay = await one.releases.activate(CONTEXT, { revision: record.revision, atMs: Date.now() + 86_400_000 })
    await until(() => titleAt(one) === 'Next' && titleAt(other) === 'Next')
    await until(async () => (await metricsOf(one)).includes('castellan_policy_activations_waiting 1'))
    expect(await one.releases.listScheduled(CONTEXT.caller)).toEqual([inADay.scheduled])
  })
})

describe('the metrics', () => {
  it('say since when the revision in force is in force here', async () => {
    const beforeMs = Date.now()
    const service = await published(writePolicies('first', textOf('First')))
    const { record } = await service.releases.publish(CONTEXT, { files: filesOf('Next') })
    const since = async () =>
      1_000 * Number(/^castellan_policy_in_force_timestamp_seconds (\S+)$/m.exec(await metricsOf(service))?.[1] ?? Number.NaN)
    const first = await since()
    expect(first).toBeGreaterThanOrEqual(beforeMs)
    await until(() => Date.now() > first)
    await service.releases.activate(CONTEXT, { revision: record.revision })
    expect(await since()).toBeGreaterThan(first)
    expect(await since()).toBeLessThanOrEqual(Date.now())
    expect(await metricsOf(service)).toContain(`castellan_policy_info{revision="${record.revision}",source="stored"} 1`)
  })
})

describe('where the folder rules', () => {
  it('a revision can be published and is not activated, now or later or back', async () => {
    const service = await open({ source: 'directory', directory: writePolicies('folder', textOf('Folder')), pollMs: 3_600_000 })
    const { record, changed } = await service.releases.publish(CONTEXT, { files: filesOf('Published') })
    expect(changed).toBe(true)
    const { revision } = record
    for (const refused of [
      service.releases.activate(CONTEXT, { revision }),
      service.releases.activate(CONTEXT, { revision, atMs: Date.now() + 86_400_000 }),
      service.releases.rollback(CONTEXT, {}),
      service.releases.rollback(CONTEXT, { to: revision }),
    ])
      await expect(refused).rejects.toMatchObject({ code: 'conflict', hint: expect.stringContaining('CASTELLAN_POLICY_SOURCE=published') })
    expect(titleAt(service)).toBe('Folder')
  })
})
