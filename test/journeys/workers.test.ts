/** `castellan serve` as two workers on the same ports: one service to whoever calls, probes, reads or stops it. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { credentials } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import pg from 'pg'
import { ask as askGrpc, type Client, decisionClient } from '../decision/transport/wires.ts'
import { type RunningService, runCastellan, startServe } from '../support/castellan-process.ts'
import { openTestPostgres, type TestPostgres } from '../support/postgres.ts'

const KEY = 'test-key-'.padEnd(48, 'k')
const QUESTION = { user: 'wanda', tenant: 'office', permission: 'sales.quote.create' }
/** Connections are handed out in turn to whoever is free: as a rule two of them are enough. */
const CONNECTIONS_MAX = 50
/** Longer together than what a pipe takes whole. */
const ITEMS = Array.from({ length: 100 }, (_, at) => ({ ...QUESTION, resource: { type: 'quote', id: `${at}-`.padEnd(200, 'q') } }))

interface Line {
  readonly msg?: string
  readonly type?: string
  readonly worker?: string
  readonly replica?: string
  readonly wire?: string
  readonly requestId?: string
  readonly of?: string
  readonly workers?: readonly { readonly worker: string; readonly replica: string; readonly pid: number }[]
}
interface Connection {
  readonly replica: string
  ask(method: string, path: string, body?: object): Promise<{ readonly status: number; readonly body: Readonly<Record<string, unknown>> }>
}

let folder: string
let database: TestPostgres
let service: RunningService
/** One connection of HTTP to each worker. */
let connections: readonly Connection[]
const started: RunningService[] = []
const agents: Agent[] = []
const clients: Client[] = []

const environment = () => ({
  CASTELLAN_DATABASE_URL: database.url,
  CASTELLAN_POLICY_SOURCE: 'directory',
  CASTELLAN_POLICIES: fileURLToPath(new URL('../../policies', import.meta.url)),
  CASTELLAN_STOP_SETTLE_SECONDS: '0',
  CASTELLAN_WORKERS: '2',
  CASTELLAN_DECISION_LOG: 'stdout,file',
  CASTELLAN_DECISION_LOG_FILE: join(folder, 'decisions.jsonl'),
})

async function start(): Promise<RunningService> {
  const found = await startServe(KEY, { cwd: folder, environment: environment() })
  started.push(found)
  return found
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'castellan-workers-'))
  database = await openTestPostgres()
  await runCastellan(['migrate'], { cwd: folder, environment: environment() })
  service = await start()
})
afterAll(async () => {
  for (const agent of agents) agent.destroy()
  for (const client of clients) client.close()
  for (const { process } of started) {
    process.kill('SIGKILL')
    await process.ended
  }
  await database?.close()
  rmSync(folder, { recursive: true, force: true })
})

/** Whole lines only: what is being written is none yet. */
const lines = (): readonly Line[] =>
  service.process
    .out()
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line)

/** Resolves with what `find` finds, once it finds something. */
async function until<T>(find: () => T | undefined | Promise<T | undefined>): Promise<T> {
  for (;;) {
    if (service.process.child.exitCode !== null) throw new Error(`it ended: ${service.process.err()}`)
    const found = await find()
    if (found !== undefined) return found
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

async function askOn(agent: Agent, method: string, path: string, body?: object) {
  return await new Promise<Awaited<ReturnType<Connection['ask']>> & { readonly requestId: string }>((resolve, reject) => {
    const text = body === undefined ? '' : JSON.stringify(body)
    const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }
    const asked = request(`${service.url}${path}`, { agent, method, headers }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          body: JSON.parse(Buffer.concat(chunks).toString()),
          requestId: String(response.headers['x-request-id']),
        }),
      )
    })
    asked.on('error', reject)
    asked.end(text)
  })
}

const replicaOf = (requestId: string) =>
  until(() => lines().find((line) => line.type === 'decision' && line.requestId === requestId)?.replica)

async function connect(): Promise<Connection> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  agents.push(agent)
  const { requestId } = await askOn(agent, 'POST', '/v1/check', QUESTION)
  return { replica: await replicaOf(requestId), ask: (method, path, body) => askOn(agent, method, path, body) }
}

/** To as many workers as there are, one each. */
async function connectToEach(): Promise<readonly Connection[]> {
  const found = new Map<string, Connection>()
  for (let opened = 0; opened < CONNECTIONS_MAX && found.size < 2; opened += 1) {
    const connection = await connect()
    found.set(connection.replica, connection)
  }
  return [...found.values()]
}

const readiness = async () => {
  const response = await fetch(`${service.probes}/readyz`)
  return { status: response.status, body: (await response.json()) as { checks: readonly { name: string; ok: boolean; text: string }[] } }
}
const sampleOf = async (pattern: RegExp) => Number(pattern.exec(await (await fetch(`${service.probes}/metrics`)).text())?.[1])
const checksCounted = () => sampleOf(/^castellan_requests_total\{wire="http",method="Check",code="ok"\} (\d+)$/m)
const isRunning = (pid: number) => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
const workersTold = () => lines().find(({ msg }) => msg === 'ready')?.workers ?? []

describe('two workers', () => {
  it('answer on one port of HTTP and one of gRPC, each as a replica of its own', async () => {
    connections = await connectToEach()
    const replicas = workersTold().map(({ replica }) => replica)
    expect(new Set(replicas).size).toBe(2)
    expect(connections.map(({ replica }) => replica).sort()).toEqual([...replicas].sort())

    const shared = decisionClient(Number(service.grpc.split(':').at(-1)))
    clients.push(shared)
    for (let opened = 0; opened < CONNECTIONS_MAX; opened += 1) {
      // Otherwise all clients of one address share one connection.
      const client: Client = new shared.constructor(service.grpc, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 })
      clients.push(client)
      const { decisionId } = await askGrpc(client, 'Check', QUESTION, KEY)
      await service.process.seen(new RegExp(`"id":"${decisionId}".*\n`))
      const seen = new Set(lines().flatMap(({ type, wire, replica }) => (type === 'decision' && wire === 'grpc' ? [replica] : [])))
      if (seen.size === 2) break
    }
    const seen = new Set(lines().flatMap(({ type, wire, replica }) => (type === 'decision' && wire === 'grpc' ? [replica] : [])))
    expect([...seen].sort()).toEqual([...replicas].sort())
  })

  it('say the same after a change through either of them, from its answer on', async () => {
    const [one, other] = connections
    const place = `/v1/tenants/${QUESTION.tenant}/users/${QUESTION.user}/assignments`
    for (const [changing, asked] of [
      [one, other],
      [other, one],
    ]) {
      expect(await changing?.ask('POST', place, { role: 'salesperson', reason: 'sells' })).toMatchObject({
        status: 201,
        body: { effective: true },
      })
      for (const connection of [asked, changing])
        expect(await connection?.ask('POST', '/v1/check', QUESTION)).toMatchObject({ body: { allowed: true } })
      expect(await changing?.ask('DELETE', `${place}?role=salesperson`)).toMatchObject({ status: 200, body: { effective: true } })
      for (const connection of [asked, changing])
        expect(await connection?.ask('POST', '/v1/check', QUESTION)).toMatchObject({ body: { allowed: false } })
    }
  })

  it('are one service to probes: ready as a whole, with counts that add up and measures of each', async () => {
    const { status, body } = await readiness()
    expect(status).toBe(200)
    expect(body.checks[0]).toEqual({ name: 'workers', ok: true, text: '2 of 2 ready' })
    expect(body.checks.map(({ name }) => name)).toEqual(expect.arrayContaining(['worker 1: database', 'worker 2: database']))
    const before = await checksCounted()
    for (const connection of connections) for (let asked = 0; asked < 5; asked += 1) await connection.ask('POST', '/v1/check', QUESTION)
    expect(await checksCounted()).toBe(before + 10)
    const page = await (await fetch(`${service.probes}/metrics`)).text()
    for (const worker of ['primary', '1', '2']) expect(page).toContain(`castellan_process_resident_memory_bytes{worker="${worker}"}`)
    expect(page).toContain('castellan_worker_up{worker="2"} 1')
  })

  it('write lines that are never torn, into one stream and into a file each, and each line says whose it is', async () => {
    const before = lines().filter(({ type }) => type === 'decision').length
    await Promise.all(
      connections.map(async ({ ask }) => {
        for (let asked = 0; asked < 5; asked += 1) expect((await ask('POST', '/v1/check/batch', { items: ITEMS })).status).toBe(200)
      }),
    )
    // Parsing is the proof: a torn line is no JSON.
    const written = await until(() => {
      const found = lines().filter(({ type }) => type === 'decision')
      return found.length >= before + 1_000 ? found : undefined
    })
    expect(new Set(written.slice(before).map(({ replica }) => replica)).size).toBe(2)
    const logged = lines().filter(({ type }) => type !== 'decision')
    expect(new Set(logged.map(({ worker }) => worker))).toEqual(new Set(['primary', '1', '2']))
    const files = readdirSync(folder)
      .filter((name) => name.startsWith('decisions'))
      .sort()
    expect(files).toEqual(['decisions.worker-1.jsonl', 'decisions.worker-2.jsonl'])
    for (const [at, file] of files.entries()) {
      const replicas = readFileSync(join(folder, file), 'utf8')
        .split('\n')
        .slice(0, -1)
        .map((line) => (JSON.parse(line) as Line).replica)
      expect(new Set(replicas)).toEqual(new Set([workersTold()[at]?.replica]))
    }
  })

  it('re-read their policies when the service is told to', async () => {
    service.process.kill('SIGHUP')
    for (const worker of ['1', '2'])
      await until(() => lines().find((line) => line.worker === worker && line.msg === 'is asked to re-read the policies'))
  })

  it('go on without the one that is killed, lose no count of its, and are two again by themselves', async () => {
    const [victim, left] = workersTold()
    const before = await checksCounted()
    process.kill(victim?.pid ?? 0, 'SIGKILL')
    await until(() => lines().find(({ of, msg }) => of === victim?.worker && msg === 'worker ended, starts again'))
    const fresh = await connect()
    expect(fresh.replica).toBe(left?.replica)
    expect((await readiness()).status).toBe(200)
    expect(await checksCounted()).toBeGreaterThanOrEqual(before)
    await until(() => lines().find(({ of, msg }) => of === victim?.worker && msg === 'worker answers again'))
    // Also those of the one that began again at nothing.
    expect(await checksCounted()).toBeGreaterThan(before)
    expect((await readiness()).body.checks[0]).toMatchObject({ text: '2 of 2 ready' })
    const replicas = (await connectToEach()).map(({ replica }) => replica)
    expect(replicas).toHaveLength(2)
    expect(replicas).toContain(left?.replica)
    expect(replicas).not.toContain(victim?.replica)
  })

  it('end as one: what is under way is answered, each says that it stops, and the exit code is that of one process', async () => {
    const pids = lines().flatMap((line) => (line as { readonly pid?: number }).pid ?? line.workers?.map(({ pid }) => pid) ?? [])
    expect(pids).toHaveLength(3)
    const holder = new pg.Client({ connectionString: database.url })
    await holder.connect()
    await holder.query('begin')
    await holder.query('select position from access_head for update')
    const place = `/v1/tenants/${QUESTION.tenant}/users/last/assignments`
    const asked = (await connectToEach()).map(({ ask }, at) =>
      ask('POST', place, { role: ['salesperson', 'agent'][at], reason: 'is last' }),
    )
    await until(async () => {
      const waiting = await database.query(`select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`)
      return waiting.length === 2 ? true : undefined
    })
    service.process.kill('SIGTERM')
    for (const worker of ['1', '2']) await until(() => lines().find((line) => line.worker === worker && line.msg === 'stops'))
    await holder.query('commit')
    await holder.end()
    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual([201, 201])
    expect(await service.process.ended).toMatchObject({ code: 0 })
    expect(pids.filter(isRunning)).toEqual([])
    expect(new Set(lines().flatMap(({ msg, worker }) => (msg === 'stops' ? [worker] : [])))).toEqual(new Set(['primary', '1', '2']))
    expect(await database.query('select count(*)::int as rows from replica')).toEqual([{ rows: 1 }])
  })
})

describe('workers of a service', () => {
  it('end by themselves, and leave well, when the first process is killed', async () => {
    service = await start()
    const pids = workersTold().map(({ pid }) => pid)
    expect(pids.filter(isRunning)).toHaveLength(2)
    const [told] = await database.query<{ rows: number }>('select count(*)::int as rows from replica')
    process.kill(service.process.child.pid ?? 0, 'SIGKILL')
    await until(() => (pids.some(isRunning) ? undefined : true))
    expect(await database.query('select count(*)::int as rows from replica')).toEqual([{ rows: (told?.rows ?? 0) - 2 }])
  })

  it('that cannot start end it, with the reason told once and the exit code of one process', async () => {
    const taken = createServer()
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
    const { port } = taken.address() as AddressInfo
    const refused = await runCastellan(['serve'], { cwd: folder, environment: { ...environment(), CASTELLAN_HTTP_PORT: String(port) } })
    expect(refused.code).toBe(1)
    expect(refused.err.match(new RegExp(`HTTP cannot listen on 127.0.0.1:${port}: the port is taken`, 'g'))).toHaveLength(1)
    await new Promise((resolve) => taken.close(resolve))
  })
})
