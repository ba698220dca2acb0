/** The decision log of a real service, in all its sinks at once: what is masked is in none of them, and by default there are ids only. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import {
  ask,
  castellanEntry,
  cleanEnvironment,
  follow,
  type RunningService,
  runCastellan,
  startServe,
} from '../support/castellan-process.ts'
import { openTestPostgres, type TestPostgres } from '../support/postgres.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'

const KEY = 'test-key-'.padEnd(48, 'k')
const POLICIES = `apiVersion: castellan/v1
kind: PermissionCatalogue
metadata: { service: sales, owner: o@example.org }
permissions:
  quote.read: { code: q.r, title: Read }
  quote.send: { code: q.s, title: Send, attributes: { amount: number, customer: string, note: string }, log: [amount, customer] }
---
apiVersion: castellan/v1
kind: RoleBundle
metadata: { name: sales, owner: o@example.org }
roles:
  sender: { title: Sender, permissions: [quote.read, quote.send] }
`
/** Never to be seen where it is masked. */
const HIDDEN = { user: 'hidden-ann', customer: 'hidden-customer', id: 'hidden-quote' }
/** Never to be seen at all. */
const SECRET = { note: 'secret-note', attribute: 'secret-department', display: 'secret-name', email: 'secret@example.org' }

let folder: string
let database: TestPostgres
let redis: TestRedis
let collector: { readonly server: Server; readonly url: string; readonly bodies: { path: string; text: string }[] }

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'castellan-decision-log-'))
  mkdirSync(join(folder, 'policies'))
  writeFileSync(join(folder, 'policies', 'sales.yaml'), POLICIES)
  database = await openTestPostgres()
  redis = await startRedis()
  const bodies: { path: string; text: string }[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks)
    bodies.push({ path: request.url ?? '', text: (request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body).toString() })
    response.end('{}')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  collector = { server, bodies, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
  const migrated = await runCastellan(['migrate'], { cwd: folder, environment: { CASTELLAN_DATABASE_URL: database.url } })
  expect(migrated).toMatchObject({ code: 0 })
})
afterAll(async () => {
  collector.server.closeAllConnections()
  collector.server.close()
  await redis.stop()
  await database.close()
  rmSync(folder, { recursive: true, force: true })
})

/** Asks some questions and stops. @returns what each sink has then, as text, and the ids of the decisions */
async function decide(more: Readonly<Record<string, string>>): Promise<{ sinks: Record<string, string>; ids: string[]; metrics: string }> {
  redis.command('flushall')
  collector.bodies.length = 0
  const file = join(folder, `${Object.keys(more).length}.ndjson`)
  const environment = {
    CASTELLAN_DATABASE_URL: database.url,
    CASTELLAN_REDIS_URL: redis.url,
    CASTELLAN_POLICY_SOURCE: 'directory',
    CASTELLAN_POLICIES: join(folder, 'policies'),
    CASTELLAN_STOP_SETTLE_SECONDS: '0',
    CASTELLAN_DECISION_LOG: 'stdout,file,postgres,redis,otlp,opa',
    CASTELLAN_DECISION_LOG_FILE: file,
    CASTELLAN_DECISION_LOG_OPA_URL: `${collector.url}/opa`,
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_TRACES_EXPORTER: 'none',
    ...more,
  }
  const service = await startServe(KEY, { cwd: folder, environment })
  try {
    await prepare(service)
    const about = { user: HIDDEN.user, tenant: 'acme' }
    const resource = { id: HIDDEN.id, amount: 4711, customer: HIDDEN.customer, note: SECRET.note }
    const checked = await ask(service, 'POST', '/v1/check', { ...about, permission: 'quote.send', resource })
    const denied = await ask(service, 'POST', '/v1/check', { ...about, tenant: 'other', permission: 'q.r' })
    const many = await ask(service, 'POST', '/v1/check/permissions', { ...about, permissions: ['quote.read', 'quote.send'] })
    const explained = await ask(service, 'POST', '/v1/explain', { ...about, permission: 'quote.read' })
    expect([checked, denied, many, explained].map(({ status }) => status)).toEqual([200, 200, 200, 200])
    const ids = [checked.body, denied.body, many.body, (explained.body['decision'] as typeof many.body | undefined) ?? explained.body].map(
      (body) => String(body['decisionId']),
    )
    await written(service, ids.length)
    const metrics = await (await fetch(`${service.probes}/metrics`)).text()
    service.process.kill('SIGTERM')
    const ended = await service.process.ended
    expect(ended.code).toBe(0)
    const rows = await database.query<{ text: string }>('select decision_log::text as text from decision_log where id = any($1)', [ids])
    return {
      ids,
      metrics,
      sinks: {
        stdout: ended.out,
        file: readFileSync(file, 'utf8'),
        postgres: rows.map(({ text }) => text).join('\n'),
        redis: redis.command('xrange', 'castellan:decisions', '-', '+').join('\n'),
        otlp: collector.bodies
          .filter(({ path }) => path === '/v1/logs')
          .map(({ text }) => text)
          .join('\n'),
        opa: collector.bodies
          .filter(({ path }) => path === '/opa')
          .map(({ text }) => text)
          .join('\n'),
      },
    }
  } finally {
    service.process.kill('SIGKILL')
    await service.process.ended
  }
}

async function prepare(service: RunningService): Promise<void> {
  const reason = 'journey'
  const user = { displayName: SECRET.display, email: SECRET.email, attributes: { department: SECRET.attribute }, reason }
  for (const [method, path, body] of [
    ['PUT', '/v1/tenants/acme', { displayName: SECRET.display, attributes: { department: SECRET.attribute }, reason }],
    ['PUT', `/v1/users/${HIDDEN.user}`, user],
    ['POST', `/v1/tenants/acme/users/${HIDDEN.user}/assignments`, { role: 'sender', reason }],
  ] as const)
    expect([200, 201]).toContain((await ask(service, method, path, body)).status)
}

/** Until each sink says that it has so many; the limit of the test ends it. */
async function written(service: RunningService, count: number): Promise<void> {
  for (;;) {
    const metrics = await (await fetch(`${service.probes}/metrics`)).text()
    const counts = [...metrics.matchAll(/^castellan_decision_log_written_total\{sink="\w+"\} (\d+)/gm)].map(([, value]) => Number(value))
    if (counts.length === 6 && counts.every((value) => value === count)) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

describe('every sink of a running service', () => {
  it('has each decision, with ids and no other data of people', async () => {
    const { sinks, ids, metrics } = await decide({})
    for (const [name, text] of Object.entries(sinks)) {
      for (const id of ids) expect({ name, id, found: text.includes(id) }).toEqual({ name, id, found: true })
      for (const value of Object.values(HIDDEN)) expect({ name, value, found: text.includes(value) }).toEqual({ name, value, found: true })
      for (const value of Object.values(SECRET)) expect({ name, value, found: text.includes(value) }).toEqual({ name, value, found: false })
      expect(text).not.toContain(KEY)
    }
    const lines =
      sinks['stdout']
        ?.split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line)) ?? []
    // Beside the lines of its log, each of them whole.
    expect(lines.filter(({ type }) => type === 'decision').map(({ id }) => id)).toEqual(ids)
    expect(lines.some(({ msg }) => msg === 'ready')).toBe(true)
    expect(lines.find(({ id }) => id === ids[0])).toMatchObject({
      ...{
        method: 'Check',
        wire: 'http',
        user: HIDDEN.user,
        permission: 'quote.send',
        code: 'q.s',
        allowed: true,
        reason: 'ROLE',
        via: ['sender'],
      },
      resource: { id: HIDDEN.id, attributes: { amount: 4711, customer: HIDDEN.customer } },
    })
    expect(metrics).toMatch(/^castellan_decision_log_lost_total\{sink="opa",reason="full"\} 0$/m)
    expect(metrics).toMatch(/^castellan_decision_log_buffered\{sink="redis"\} 0$/m)
  })

  it('has nothing of what is masked', async () => {
    const { sinks, ids } = await decide({ CASTELLAN_DECISION_LOG_MASK: 'user,resource.id,resource.attributes.customer' })
    for (const [name, text] of Object.entries(sinks)) {
      for (const id of ids) expect({ name, id, found: text.includes(id) }).toEqual({ name, id, found: true })
      expect(text).toContain('[masked]')
      expect(text).toContain('4711')
      for (const value of [...Object.values(HIDDEN), ...Object.values(SECRET)])
        expect({ name, value, found: text.includes(value) }).toEqual({ name, value, found: false })
    }
  })
})

describe('standard output', () => {
  const environment = () => ({
    CASTELLAN_DATABASE_URL: database.url,
    CASTELLAN_POLICY_SOURCE: 'directory',
    CASTELLAN_POLICIES: join(folder, 'policies'),
    CASTELLAN_STOP_SETTLE_SECONDS: '0',
  })
  const items = Array.from({ length: 1_000 }, () => ({ user: 'ann', tenant: 'acme', permission: 'quote.read' }))
  const decideMany = async (service: Pick<RunningService, 'url' | 'key'>) =>
    expect(await ask(service as RunningService, 'POST', '/v1/check/batch', { items })).toMatchObject({ status: 200 })
  const count = async (probes: string, name: string) => {
    const metrics = await (await fetch(`${probes}/metrics`)).text()
    return [...metrics.matchAll(new RegExp(`^castellan_decision_log_${name}\\{[^}]*\\} (\\d+)$`, 'gm'))].reduce(
      (sum, [, value]) => sum + Number(value),
      0,
    )
  }
  const until = async (condition: () => Promise<boolean>) => {
    while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 50))
  }

  it('that nobody reads delays no check, no line of the log and no end; what was lost with it is told elsewhere', async () => {
    const service = await startServe(KEY, { cwd: folder, environment: environment() })
    try {
      service.process.child.stdout?.pause()
      for (let batch = 0; batch < 3; batch += 1) await decideMany(service)
      const accounted = async () =>
        (await count(service.probes, 'written_total')) +
        (await count(service.probes, 'lost_total')) +
        (await count(service.probes, 'buffered'))
      await until(async () => (await accounted()) === 3_000)
      // A line of the log goes down the same pipe.
      service.process.kill('SIGHUP')
      await decideMany(service)
      service.process.kill('SIGTERM')
      const [code] = await once(service.process.child, 'exit')
      expect(code).toBe(0)
      service.process.child.stdout?.resume()
      const { err, out } = await service.process.ended
      const written = out.split('\n').filter((line) => line.startsWith('{"type":"decision"') && line.endsWith('}')).length
      expect(err).toContain('decision records that could not be written in time are lost')
      const lost = Number(/"lost":(\d+),"msg":"decision records that could not/.exec(err)?.[1])
      // The chunk that waited in the pipe is counted as lost, and may have come.
      expect(lost + written).toBeGreaterThanOrEqual(4_000)
      expect(lost).toBeGreaterThan(0)
    } finally {
      service.process.kill('SIGKILL')
      service.process.child.stdout?.resume()
      await service.process.ended
    }
  })

  it('whose reader went away ends no service; what it would have had is lost and counted', async () => {
    const service = await startServe(KEY, { cwd: folder, environment: environment() })
    try {
      service.process.child.stdout?.destroy()
      for (let batch = 0; batch < 2; batch += 1) await decideMany(service)
      await until(async () => (await count(service.probes, 'lost_total')) === 2_000)
      service.process.kill('SIGHUP')
      await decideMany(service)
      service.process.kill('SIGTERM')
      const [code] = await once(service.process.child, 'exit')
      expect(code).toBe(0)
      expect(service.process.err()).toContain('decision records are being lost')
    } finally {
      service.process.kill('SIGKILL')
    }
  })

  it('on a disk that is full ends no service; what does not fit is lost and counted', async () => {
    const [http, probes] = [await freePort(), await freePort()]
    const full = openSync('/dev/full', 'w')
    const child = spawn(process.execPath, [castellanEntry, 'serve'], {
      cwd: folder,
      env: cleanEnvironment({
        ...environment(),
        CASTELLAN_ADMIN_KEY: KEY,
        CASTELLAN_HTTP_PORT: String(http),
        CASTELLAN_METRICS_PORT: String(probes),
      }),
      stdio: ['ignore', full, 'pipe'],
    })
    closeSync(full)
    const service = follow(child)
    try {
      const at = `http://127.0.0.1:${probes}`
      await until(async () => (await fetch(`${at}/readyz`).catch(() => undefined))?.status === 200)
      await decideMany({ url: `http://127.0.0.1:${http}`, key: KEY })
      await until(async () => (await count(at, 'errors_total')) > 1)
      expect(await count(at, 'written_total')).toBe(0)
      service.kill('SIGTERM')
      const ended = await service.ended
      expect(ended.code).toBe(0)
      expect(ended.err).toContain('"lost":1000,"msg":"decision records that could not be written in time are lost"')
    } finally {
      service.kill('SIGKILL')
      await service.ended
    }
  })
})

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
