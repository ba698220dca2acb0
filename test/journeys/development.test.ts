/** `castellan dev` as a newcomer meets it: one process, nothing to install, data that stays. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { ask, type RunningService, runCastellan, startCastellan, startDev } from '../support/castellan-process.ts'
import { walk } from './same-journey.ts'

let folder: string
let service: RunningService
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'castellan-dev-'))
  service = await startDev({ cwd: folder })
})
afterAll(async () => {
  service.process.kill('SIGKILL')
  await service.process.ended
  rmSync(folder, { recursive: true, force: true })
})

/** A printed `curl` line as the request that it makes. */
async function runPrintedCurl(line: string): Promise<string> {
  const words = [...line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(([, single, double, bare]) => single ?? double ?? bare ?? '')
  const headers = words.flatMap((word, index) => (words[index - 1] === '-H' ? [word.split(': ') as [string, string]] : []))
  const body = words[words.indexOf('-d') + 1] ?? ''
  const url = words.find((word) => word.startsWith('http')) ?? ''
  return await (await fetch(url, { method: 'POST', headers, body })).text()
}

describe('castellan dev', () => {
  it('prints two questions that are answered as printed', async () => {
    const printed = [...service.process.out().matchAll(/^ {2}(curl .*)\n {2}answers (.*),…\}$/gm)]
    expect(printed).toHaveLength(2)
    for (const [, line = '', beginning = ''] of printed) {
      const answer = await runPrintedCurl(line)
      expect(answer.startsWith(`${beginning},`)).toBe(true)
    }
    expect(printed.map(([, , beginning]) => beginning)).toEqual([
      '{"allowed":true,"reason":"ROLE"',
      '{"allowed":false,"reason":"ROLE_LACKS_PERMISSION"',
    ])
  })

  it('keeps its key for its owner alone', () => {
    const key = join(folder, '.castellan/development-key')
    expect(readFileSync(key, 'utf8').trim()).toBe(service.key)
    expect(statSync(key).mode & 0o777).toBe(0o600)
    expect(statSync(join(folder, '.castellan/development-identity-secret')).mode & 0o777).toBe(0o600)
    expect(statSync(join(folder, '.castellan')).mode & 0o777).toBe(0o700)
  })

  it('answers the journey that the service on PostgreSQL answers', async () => {
    await walk(service)
  })

  it('seeds one person with different roles in two tenants, and one temporary grant', async () => {
    const held = async (tenant: string, user: string) => {
      const { assignments } = (await ask(service, 'GET', `/v1/tenants/${tenant}/users/${user}/assignments`)).body
      return (assignments as { role: string; expiresAt?: string }[]).map(({ role, expiresAt }) => [role, expiresAt !== undefined]).sort()
    }
    expect([await held('acme', 'ann'), await held('north-clinic', 'ann')]).toEqual([[['salesperson', false]], [['coder', false]]])
    expect(await held('acme', 'sue')).toEqual([
      ['finance-cover', true],
      ['salesperson', false],
    ])
  })

  it('audits what it seeds', async () => {
    const { entries } = (await ask(service, 'GET', '/v1/audit?actor=development-seed&pageSize=100')).body as {
      entries: { result: string }[]
    }
    expect(entries.length).toBeGreaterThanOrEqual(12)
    expect(entries.every((entry) => entry.result === 'applied')).toBe(true)
  })

  it('refuses a second process in its data directory, naming the first and the way on', async () => {
    const second = await runCastellan(['dev'], { cwd: folder })
    expect(second).toMatchObject({ code: 1, out: '' })
    expect(second.err).toContain(`process ${service.process.child.pid}`)
    expect(second.err).toContain('CASTELLAN_DATA_DIR')
    expect((await ask(service, 'GET', '/v1/policy')).status).toBe(200)
  })

  it('keeps every grant it answered, each with its audit row, when it is killed in the middle of many', async () => {
    const answered: string[] = []
    const grants = Array.from({ length: 8 }, async (_, lane) => {
      for (let number = 0; number < 200; number += 1) {
        const user = `k${lane}-${number}`
        const answer = await ask(service, 'POST', `/v1/tenants/killed/users/${user}/assignments`, { role: 'salesperson' }).catch(
          () => undefined,
        )
        if (answer === undefined) return
        expect(answer.status).toBe(201)
        answered.push(user)
        if (answered.length === 60) service.process.kill('SIGKILL')
      }
    })
    await Promise.all(grants)
    await service.process.ended
    service = await startDev({ cwd: folder })
    const users = (await listAll(service, '/v1/users?', 'users')).map((user) => String(user['id'])).filter((id) => /^k\d/.test(id))
    const rows = await Promise.all(
      users.map(
        async (user) =>
          (await ask(service, 'GET', `/v1/tenants/killed/users/${user}/assignments?history=true`)).body['assignments'] as { id: string }[],
      ),
    )
    const audited = (await listAll(service, '/v1/audit?tenant=killed&action=assignment.grant&', 'entries')).map((entry) =>
      String(entry['target']),
    )
    expect(
      rows
        .flat()
        .map((row) => row.id)
        .sort(),
    ).toEqual(audited.sort())
    expect(users).toEqual(expect.arrayContaining(answered))
    expect(answered.length).toBeGreaterThanOrEqual(60)
  })

  it('starts again after SIGKILL with its data, its key and nothing seeded twice', async () => {
    expect((await ask(service, 'POST', '/v1/check', { user: 'ann', tenant: 'acme', permission: 's.q.c' })).body).toMatchObject({
      allowed: true,
    })
    const { entries } = (await ask(service, 'GET', '/v1/audit?actor=development-seed&pageSize=100')).body as {
      entries: { result: string }[]
    }
    expect(entries.filter((entry) => entry.result === 'noop')).toEqual([])
    expect(service.process.err()).not.toContain('Makes a database')
  })

  it('stops on SIGTERM by itself and starts again', async () => {
    service.process.kill('SIGTERM')
    expect(await service.process.ended).toMatchObject({ code: 0 })
    service = await startDev({ cwd: folder })
    expect((await ask(service, 'GET', '/v1/policy')).status).toBe(200)
  })

  it('re-reads changed policies on SIGHUP, and keeps the last good ones when they are broken', async () => {
    const other = mkdtempSync(join(tmpdir(), 'castellan-dev-policies-'))
    const policies = join(other, 'policies')
    const write = (title: string) => writeFileSync(join(policies, 'a.yaml'), policyText(title))
    mkdirSync(policies)
    write('First')
    const own = await startDev({ cwd: other, environment: { CASTELLAN_POLICY_POLL_SECONDS: '3600' } })
    try {
      expect(own.process.out()).toContain('The sample people are left out')
      const revision = async () => (await ask(own, 'GET', '/v1/policy')).body['revision']
      const first = await revision()
      write('Second')
      own.process.kill('SIGHUP')
      await until(async () => (await revision()) !== first)
      const second = await revision()
      writeFileSync(join(policies, 'a.yaml'), 'kind: Nonsense\n')
      own.process.kill('SIGHUP')
      await until(async () => ((await ask(own, 'GET', '/v1/policy')).body['faults'] as unknown[]).length > 0)
      expect(await revision()).toBe(second)
      const ready = await fetch(`${own.probes}/readyz`)
      expect(ready.status).toBe(200)
      expect(await ready.text()).toContain('newer files refused')
      const metrics = await (await fetch(`${own.probes}/metrics`)).text()
      expect(metrics).toMatch(/^castellan_policy_faults [1-9]/m)
      expect(metrics.match(/^castellan_policy_info\{.*\} 1$/gm)).toEqual([
        `castellan_policy_info{revision="${String(second)}",source="directory"} 1`,
      ])
    } finally {
      own.process.kill('SIGKILL')
      await own.process.ended
      rmSync(other, { recursive: true, force: true })
    }
  })
})

describe('castellan dev, twice in the same instant', () => {
  it('lets one start and refuses the other, which names it', async () => {
    const place = mkdtempSync(join(tmpdir(), 'castellan-dev-twice-'))
    const both = [startCastellan(['dev'], { cwd: place }), startCastellan(['dev'], { cwd: place })]
    try {
      const loser = await Promise.race(both.map((one) => one.ended.then((end) => ({ one, end }))))
      const winner = both.find((one) => one !== loser.one)
      expect(loser.end).toMatchObject({ code: 1, out: '' })
      expect(loser.end.err).toMatch(/in use by (another process|process \d+)/)
      await winner?.seen(/castellan --help/)
    } finally {
      for (const one of both) one.kill('SIGKILL')
      await Promise.all(both.map((one) => one.ended))
      rmSync(place, { recursive: true, force: true })
    }
  })
})

describe('castellan dev, where it must not run', () => {
  it('refuses production, public addresses and other databases, all told at once, and makes nothing', async () => {
    const place = mkdtempSync(join(tmpdir(), 'castellan-dev-refused-'))
    const environment = {
      NODE_ENV: 'production',
      CASTELLAN_HTTP_HOST: '0.0.0.0',
      CASTELLAN_HTPP_PORT: '1',
      CASTELLAN_DATABASE_URL: 'postgres://u:sesame@h/d',
    }
    const refused = await runCastellan(['dev'], { cwd: place, environment })
    expect(refused).toMatchObject({ code: 2, out: '' })
    for (const name of [
      'NODE_ENV',
      'CASTELLAN_HTTP_HOST',
      'did you mean CASTELLAN_HTTP_PORT?',
      'CASTELLAN_DATABASE_URL',
      'castellan serve',
    ])
      expect(refused.err).toContain(name)
    expect(refused.err).not.toContain('sesame')
    expect(readdirSync(place)).toEqual([])
    rmSync(place, { recursive: true, force: true })
  })

  it('says which setting to change where no data directory can be made, instead of trying for ever', async () => {
    writeFileSync(join(folder, 'file'), '')
    for (const directory of [join(folder, 'file/below'), ...(process.platform === 'linux' ? ['/proc/castellan/deep'] : [])]) {
      const tried = startCastellan(['dev'], { cwd: folder, environment: { CASTELLAN_DATA_DIR: directory } })
      // One that never comes back would otherwise outlive the tests.
      const limit = setTimeout(() => tried.kill('SIGKILL'), 20_000)
      const ended = await tried.ended
      clearTimeout(limit)
      expect(ended).toMatchObject({ code: 1, out: '', err: expect.stringContaining(directory) })
      expect(ended.err).toContain('Set CASTELLAN_DATA_DIR')
    }
  })
})

async function listAll(service: RunningService, address: string, field: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const items: Readonly<Record<string, unknown>>[] = []
  let token = ''
  do {
    const { body } = await ask(service, 'GET', `${address}pageSize=1000${token === '' ? '' : `&pageToken=${encodeURIComponent(token)}`}`)
    items.push(...(body[field] as Readonly<Record<string, unknown>>[]))
    token = typeof body['nextPageToken'] === 'string' ? body['nextPageToken'] : ''
  } while (token !== '')
  return items
}

/** Asks again until it holds. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let asked = 0; asked < 5_000; asked += 1) if (await holds()) return
  throw new Error('asked 5,000 times in vain')
}

function policyText(title: string): string {
  return `apiVersion: castellan/v1
kind: PermissionCatalogue
metadata: { service: desk, owner: desk@example.org }
permissions:
  desk.open: { code: d.o, title: ${title} }
`
}
