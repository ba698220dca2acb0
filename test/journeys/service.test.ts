/** `castellan migrate` and `castellan serve` on a real PostgreSQL, operated as a deployment does. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import pg from 'pg'
import { ask, type Ended, type RunningService, runCastellan, startServe } from '../support/castellan-process.ts'
import { openTestPostgres, type TestPostgres } from '../support/postgres.ts'
import { walk } from './same-journey.ts'

const KEY = 'test-key-'.padEnd(48, 'k')
const policies = fileURLToPath(new URL('../../policies', import.meta.url))

let folder: string
let database: TestPostgres
let service: RunningService | undefined
/** The folder rules here; how published revisions do is in policy.test.ts. */
const environment = () => ({
  CASTELLAN_DATABASE_URL: database.url,
  CASTELLAN_POLICY_SOURCE: 'directory',
  CASTELLAN_POLICIES: policies,
  CASTELLAN_STOP_SETTLE_SECONDS: '0',
})
const run = (args: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<Ended> =>
  runCastellan(args, { cwd: folder, environment: { ...environment(), ...more } })
const start = () => startServe(KEY, { cwd: folder, environment: environment() })

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'castellan-serve-'))
  database = await openTestPostgres()
})
afterAll(async () => {
  service?.process.kill('SIGKILL')
  await service?.process.ended
  await database.close()
  rmSync(folder, { recursive: true, force: true })
})
function running(): RunningService {
  if (service === undefined) throw new Error('the service of the earlier tests is not running')
  return service
}

describe('castellan migrate, before anything serves', () => {
  it('is what serve asks for on a database that is not migrated', async () => {
    const refused = await run(['serve'])
    expect(refused.code).toBe(1)
    expect(refused.err).toContain('castellan migrate')
    expect(refused.err).toContain('0001-tenants-and-subjects')
  })

  it('says by --status what is pending, and changes nothing', async () => {
    const status = await run(['migrate', '--status'])
    expect(status.code).toBe(1)
    expect(status.out).toMatch(/^pending {2}0001-tenants-and-subjects$/m)
    expect(await database.query(`select to_regclass('schema_migration') as found`)).toEqual([{ found: null }])
  })

  it('migrates once, however often it is run', async () => {
    expect(await run(['migrate'])).toMatchObject({ code: 0, out: expect.stringContaining('0001-tenants-and-subjects') })
    expect(await run(['migrate'])).toMatchObject({ code: 0, out: 'Nothing to migrate.\n' })
    expect((await run(['migrate', '--status'])).code).toBe(0)
  })

  it('tells an operator why a database cannot be reached, without its password', async () => {
    const failed = await run(['migrate'], { CASTELLAN_DATABASE_URL: 'postgres://castellan:sesame@127.0.0.1:1/castellan' })
    expect(failed.code).toBe(1)
    expect(failed.err).toContain('ECONNREFUSED')
    expect(failed.err).not.toContain('sesame')
  })

  it('asks for the address to be checked when a user, a database or a host is wrong, at migrate and at serve', async () => {
    const wrong = (change: (url: URL) => void) => {
      const url = new URL(database.url)
      change(url)
      return url.href
    }
    for (const url of [
      wrong((url) => {
        url.username = 'nobody-of-this-name'
      }),
      wrong((url) => {
        url.pathname = '/nothing-of-this-name'
      }),
      wrong((url) => {
        url.port = '1'
      }),
    ])
      for (const command of ['migrate', 'serve']) {
        const failed = await run([command], { CASTELLAN_DATABASE_URL: url })
        expect(failed.code).toBe(1)
        expect(failed.err).toContain('Check CASTELLAN_DATABASE_URL')
        expect(failed.err).not.toContain('try again')
      }
  })
})

describe('castellan serve, where there is no policy yet', () => {
  it('names the whole path of a missing or empty policy folder, and the setting', async () => {
    mkdirSync(join(folder, 'empty'))
    for (const name of ['missing', 'empty']) {
      const refused = await run(['serve'], { CASTELLAN_POLICIES: `./${name}` })
      expect(refused.code).toBe(1)
      expect(refused.err).toContain(join(realpathSync(folder), name))
      expect(refused.err).toContain('Set CASTELLAN_POLICIES')
    }
  })
})

describe('castellan serve', () => {
  it('is closed to everybody without a key', async () => {
    service = await start()
    expect((await ask({ ...service, key: 'unknown' }, 'POST', '/v1/check', { user: 'a', tenant: 'b', permission: 's.q.c' })).status).toBe(
      401,
    )
  })

  it('answers the journey that the embedded service answers', async () => {
    await walk(running())
  })

  it('never logs its secrets', () => {
    const lines = running().process.out() + running().process.err()
    expect(lines).toContain('"CASTELLAN_ADMIN_KEY":"[secret]"')
    expect(lines).not.toContain(KEY)
    expect(lines).not.toContain(new URL(database.url).password)
  })

  it('is found ready by the health check, which names what is not', async () => {
    const port = new URL(running().probes).port
    expect(await run(['healthcheck'], { CASTELLAN_METRICS_PORT: port })).toMatchObject({ code: 0, out: 'ready\n' })
    expect(await run(['healthcheck'], { CASTELLAN_METRICS_PORT: '1' })).toMatchObject({ code: 1, out: '' })
    const report = (await (await fetch(`${running().probes}/readyz`)).json()) as { checks: { name: string; ok: boolean }[] }
    expect(report.checks.map(({ name, ok }) => [name, ok])).toEqual([
      ['service', true],
      ['database', true],
      ['freshness', true],
      ['cache', true],
      ['policy', true],
    ])
  })

  it('says which setting to change when its port is taken', async () => {
    const port = new URL(running().url).port
    const refused = await run(['serve'], { CASTELLAN_HTTP_PORT: port })
    expect(refused.code).toBe(1)
    expect(refused.err).toContain(`HTTP cannot listen on 127.0.0.1:${port}: the port is taken`)
    expect(refused.err).toContain('CASTELLAN_HTTP_PORT')
    const wire = await run(['serve'], { CASTELLAN_GRPC_PORT: running().grpc.split(':')[1] ?? '' })
    expect(wire.err).toContain('CASTELLAN_GRPC_PORT')
  })

  it('finishes a change that is under way when it is told to stop, and reports not ready meanwhile', async () => {
    const holder = new pg.Client({ connectionString: database.url })
    await holder.connect()
    await holder.query('begin')
    await holder.query('select position from access_head for update')
    const grant = ask(running(), 'POST', '/v1/tenants/stopped/users/ann/assignments', { role: 'salesperson' })
    await waitsForLock()
    running().process.kill('SIGTERM')
    await reportsNotReady()
    await holder.query('commit')
    await holder.end()
    expect(await grant).toMatchObject({ status: 201, body: { changed: true } })
    expect(await running().process.ended).toMatchObject({ code: 0 })
    expect(await database.query(`select count(*)::int as rows from role_assignment where tenant_id = 'stopped'`)).toEqual([{ rows: 1 }])
  })

  it('leaves every assignment with its audit row and the other way round when it is killed in the middle of grants', async () => {
    service = await start()
    const victim = service
    let answered = 0
    const lanes = Array.from({ length: 8 }, async (_, lane) => {
      for (let number = 0; number < 500; number += 1) {
        const answer = await ask(victim, 'POST', `/v1/tenants/killed/users/k${lane}-${number}/assignments`, { role: 'salesperson' }).catch(
          () => undefined,
        )
        if (answer === undefined) return
        answered += answer.status === 201 ? 1 : 0
        if (answered === 100) victim.process.kill('SIGKILL')
      }
    })
    await Promise.all(lanes)
    await victim.process.ended
    // A killed client's transaction ends when the server notices, which is before it lets anybody else have its locks.
    const [counted] = await database.query<{ rows: number; audited: number; both: number }>(`
      select (select count(*)::int from role_assignment where tenant_id = 'killed') as rows,
             (select count(*)::int from audit_event where tenant_id = 'killed' and action = 'assignment.grant') as audited,
             (select count(*)::int from role_assignment r join audit_event a on a.target = r.id where r.tenant_id = 'killed') as both`)
    expect(counted?.rows).toBeGreaterThanOrEqual(100)
    expect(counted).toMatchObject({ audited: counted?.rows, both: counted?.rows })
  })

  it('exits at once on a second signal', async () => {
    service = await startServe(KEY, { cwd: folder, environment: { ...environment(), CASTELLAN_STOP_SETTLE_SECONDS: '60' } })
    service.process.kill('SIGTERM')
    await service.process.seen(/"msg":"stops"/)
    service.process.kill('SIGTERM')
    expect(await service.process.ended).toMatchObject({ code: 1 })
  })

  it('serves the last good revision when the files are broken at start', async () => {
    const environmentOfEmpty = { ...environment(), CASTELLAN_POLICIES: folder }
    service = await startServe(KEY, { cwd: folder, environment: environmentOfEmpty })
    expect((await ask(service, 'GET', '/v1/policy')).body).toMatchObject({
      source: 'stored',
      faults: [expect.stringContaining('no-policy')],
    })
    const question = { user: 'ann', tenant: 'stopped', permission: 's.q.c' }
    expect((await ask(service, 'POST', '/v1/check', question)).body).toMatchObject({ allowed: true })
    service.process.kill('SIGTERM')
    expect((await service.process.ended).code).toBe(0)
  })

  it('refuses a database that is ahead of it, and so does migrate', async () => {
    await database.query(`insert into schema_migration (name, batch, migration_time) values ('9999-from-the-future', 99, now())`)
    for (const command of ['serve', 'migrate']) {
      const refused = await run([command])
      expect(refused.code).toBe(1)
      expect(refused.err).toContain('9999-from-the-future')
    }
    const status = await run(['migrate', '--status'])
    expect(status).toMatchObject({ code: 1, out: expect.stringMatching(/^unknown {2}9999-from-the-future$/m) })
  })
})

/** Until the probe says so. */
async function reportsNotReady(): Promise<void> {
  for (let asked = 0; asked < 1_000; asked += 1) if ((await fetch(`${running().probes}/readyz`)).status === 503) return
  throw new Error('it never reported not ready')
}

/** Until some session of this database waits for a lock. */
async function waitsForLock(): Promise<void> {
  for (let asked = 0; asked < 1_000; asked += 1) {
    const waiting = await database.query(`select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`)
    if (waiting.length > 0) return
  }
  throw new Error('nobody ever waited')
}
