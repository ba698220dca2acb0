/** A policy's way into force and back, on three replicas of the built command: edited, tested, planned, published, activated, rolled back. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import pg from 'pg'
import { type Client, decisionClient, ask as send } from '../decision/transport/wires.ts'
import { ask, type Ended, type RunningService, runCastellan, startDev, startServe } from '../support/castellan-process.ts'
import { openTestPostgres, type TestPostgres } from '../support/postgres.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'

const KEY = 'test-key-'.padEnd(48, 'k')
const samples = fileURLToPath(new URL('../../policies', import.meta.url))
/** What the agents of the samples hold, and lose by the edit. */
const LOST = 'agents.ticket.close'
const QUESTION = { user: 'ann', tenant: 'desk', permission: LOST }

let folder: string
let postgres: TestPostgres
let redis: TestRedis
let replicas: readonly RunningService[] = []
let clients: readonly Client[] = []
/** Of the samples; of the files after the edit. */
let first: string
let edited: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'castellan-policy-'))
  copySamples()
  ;[postgres, redis] = await Promise.all([openTestPostgres(), startRedis()])
  const environment = {
    CASTELLAN_DATABASE_URL: postgres.url,
    CASTELLAN_REDIS_URL: redis.url,
    CASTELLAN_POLICIES: join(folder, 'policies'),
    CASTELLAN_STOP_SETTLE_SECONDS: '0',
  }
  expect(await runCastellan(['migrate'], { cwd: folder, environment })).toMatchObject({ code: 0 })
  // All at once, as a deployment does.
  replicas = await Promise.all([1, 2, 3].map(() => startServe(KEY, { cwd: folder, environment })))
  clients = replicas.map(({ grpc }) => decisionClient(Number(grpc.split(':')[1])))
  expect((await ask(replica(0), 'POST', '/v1/tenants/desk/users/ann/assignments', { role: 'agent' })).status).toBe(201)
  first = await inForce()
})
afterAll(async () => {
  for (const client of clients) client.close()
  for (const { process } of replicas) process.kill('SIGKILL')
  await Promise.all(replicas.map(({ process }) => process.ended))
  await redis?.stop()
  await postgres?.close()
  rmSync(folder, { recursive: true, force: true })
})

function replica(index: number): RunningService {
  const found = replicas[index]
  if (found === undefined) throw new Error('the replica does not run')
  return found
}
/** A command, in the folder that holds `policies`. */
const castellan = (args: readonly string[], key = KEY, at = replica(0)): Promise<Ended> =>
  runCastellan(args, { cwd: folder, environment: { CASTELLAN_URL: at.url, CASTELLAN_KEY: key } })
// biome-ignore lint/suspicious/noExplicitAny: answers of every shape
async function json(args: readonly string[]): Promise<any> {
  const { code, out, err } = await castellan([...args, '-o', 'json'])
  if (code !== 0) throw new Error(`castellan ${args.join(' ')} ended with ${code}: ${err}`)
  return JSON.parse(out)
}
/** Undoes every edit of the clone. */
function copySamples(): void {
  rmSync(join(folder, 'policies'), { recursive: true, force: true })
  cpSync(samples, join(folder, 'policies'), { recursive: true })
}
/** Changes one file of the clone. */
function edit(name: string, from: string, to: string): void {
  const path = join(folder, 'policies', name)
  const text = readFileSync(path, 'utf8')
  expect(text).toContain(from)
  writeFileSync(path, text.replace(from, to))
}
/** What all three answer, by both wires: six answers. */
async function answers(): Promise<readonly { allowed: boolean; policyRevision: string; position: number }[]> {
  const overHttp = replicas.map(async (one) => (await ask(one, 'POST', '/v1/check', QUESTION)).body)
  const overGrpc = clients.map((client) => send(client, 'Check', QUESTION, KEY))
  const all = await Promise.all([...overHttp, ...overGrpc])
  return all.map(({ allowed, policyRevision, position }) => ({ allowed, policyRevision, position: Number(position) }))
}
async function expectAll(revision: string, allowed: boolean, position = 0): Promise<void> {
  const all = await answers()
  expect(all).toHaveLength(6)
  for (const answer of all) {
    expect(answer).toMatchObject({ allowed, policyRevision: revision })
    expect(answer.position).toBeGreaterThanOrEqual(position)
  }
}
const inForce = async () => String((await ask(replica(0), 'GET', '/v1/policy')).body['revision'])
const everInForce = async () =>
  (await postgres.query<{ revision: string }>('select revision from policy_activation order by id')).map(({ revision }) => revision)
const kept = async () => (await postgres.query('select revision from policy_revision')).length
/** Until it is so; the limit of the test ends it. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setImmediate(resolve))
}

describe('three replicas that start at once on an empty database', () => {
  it('have the folder that was set as their first policy, activated once', async () => {
    expect(await everInForce()).toEqual([first])
    await expectAll(first, true)
  })
})

describe('an edit of a role', () => {
  it('is valid, and its tests say that they were meant to be changed, too', async () => {
    edit('office/roles.yaml', '      - agents.ticket.close\n', '')
    expect((await castellan(['policy', 'validate'])).code).toBe(0)
    const failed = await castellan(['policy', 'test', '--no-mutation'])
    expect(failed.code).toBe(4)
    expect(failed.out).toContain('permission agents.ticket.close is expected and not held')
    edit(
      'office/office.test.yaml',
      'exactly: [agents.desk.view, agents.ticket.read, agents.ticket.answer, agents.ticket.close]',
      'exactly: [agents.desk.view, agents.ticket.read, agents.ticket.answer]',
    )
    expect((await castellan(['policy', 'test', '--no-mutation'])).code).toBe(0)
  })

  it('is planned: who loses what, by name where asked for, and a gate refuses it', async () => {
    const people = await castellan(['policy', 'plan', '--people'])
    expect(people.code).toBe(0)
    expect(people.out).toMatch(/ann[\s\S]*agents\.ticket\.close/)
    const counts = await castellan(['policy', 'plan'])
    expect(counts.out).toMatch(/^agent +1 +0 +1 +0 +0 +0$/m)
    expect(counts.out).not.toContain('ann')
    expect((await castellan(['policy', 'plan', '--max-lost', '0'])).code).toBe(5)
    expect(await kept()).toBe(1)
    await expectAll(first, true)
  })

  it('is published, which puts nothing in force', async () => {
    const { published } = await json(['policy', 'publish', '--no-git', '--author', 'Ada', '--message', 'Agents leave tickets open'])
    expect(published).toMatchObject({ changed: true, revision: { author: 'Ada', message: 'Agents leave tickets open' } })
    edited = published.revision.revision
    await expectAll(first, true)
    expect(await json(['policy', 'publish', '--no-git', '--no-plan'])).toMatchObject({
      published: { changed: false, revision: { revision: edited, author: 'Ada' } },
    })
  })

  it('is activated: from the acknowledged position on all three answer by it, on both wires, and say so', async () => {
    const activated = await json(['policy', 'activate', edited.slice(0, 12), '--reason', 'ticket 4711'])
    expect(activated).toMatchObject({ revision: edited, previousRevision: first, changed: true, effective: true })
    await expectAll(edited, false, activated.position)
    const { replicas: states } = await json(['policy', 'replicas'])
    expect(states).toHaveLength(3)
    for (const state of states) {
      expect(state).toMatchObject({ revision: edited, revisionSince: expect.stringMatching(/Z$/) })
      expect(state.position).toBeGreaterThanOrEqual(activated.position)
    }
    expect((await castellan(['policy', 'replicas'])).out).toContain(`all 3 replicas answer by ${edited.slice(0, 12)}`)
  })

  it('is rolled back: all three answer as before, by a new activation of the old revision', async () => {
    const back = await json(['policy', 'rollback', '--reason', 'agents complain'])
    expect(back).toMatchObject({ revision: first, previousRevision: edited, changed: true, effective: true })
    await expectAll(first, true, back.position)
    expect(await everInForce()).toEqual([first, edited, first])
  })

  it('tells its history, and in the audit who did what and why', async () => {
    const { activations } = await json(['policy', 'history'])
    expect(activations.map(({ revision }: { revision: string }) => revision)).toEqual([first, edited, first])
    const { body } = await ask(replica(1), 'GET', '/v1/audit?action=policy.activate')
    const reasons = (body['entries'] as readonly { reason: string }[]).map(({ reason }) => reason)
    expect(reasons).toEqual(['agents complain', 'ticket 4711', expect.stringMatching(/^first policy, read from .*policies$/)])
  })
})

describe('a broken candidate', () => {
  it.each([
    ['of bad YAML', 'office/roles.yaml', 'roles:\n  salesperson:', 'roles: [\n  salesperson:', 3, 'yaml-syntax'],
    ['of a failing test', 'office/roles.yaml', '      - agents.ticket.close\n', '', 4, 'test-failed'],
    [
      'of a role that breaks a separation of duty',
      'office/roles.yaml',
      '      - finance.report.read\n',
      '      - finance.report.read\n      - finance.payout.create\n',
      3,
      'separation-of-duty-broken',
    ],
    ['of a code that got another name', 'office/catalogue.yaml', '  sales.quote.export:', '  sales.quote.carry-out:', 3, 'code-reused'],
  ])('%s cannot be published, by whatever way, and changes nothing', async (_, name, from, to, exitCode, faultCode) => {
    copySamples()
    edit(name, from, to)
    const revisions = await kept()
    const refused = await castellan(['policy', 'publish', '--no-git', '--activate'])
    expect(refused.code).toBe(exitCode)
    // Past the command line's own checks.
    const files = ['catalogue', 'constraints', 'office.test', 'roles'].map((part) => ({
      name: `office/${part}.yaml`,
      text: readFileSync(join(folder, 'policies/office', `${part}.yaml`), 'utf8'),
    }))
    const answer = await ask(replica(1), 'POST', '/v1/policy/revisions', { files })
    expect(answer).toMatchObject({ status: 400, body: { code: 'policy_invalid' } })
    expect(JSON.stringify(answer.body)).toContain(faultCode)
    if (exitCode === 3) expect(refused.err).toContain(faultCode)
    expect(await kept()).toBe(revisions)
    await expectAll(first, true)
  })
})

describe('an activation to come', () => {
  it('takes force on all three by itself; one that was called off never does', async () => {
    // Far enough ahead that a busy machine calls it off in time.
    const never = await json(['policy', 'activate', edited, '--at', 'PT10S', '--reason', 'to be called off'])
    const calledOff = await json(['policy', 'schedule', 'cancel', never.scheduled.id, '--reason', 'not this one'])
    expect(calledOff.scheduled).toMatchObject({ id: never.scheduled.id, state: 'cancelled' })
    const other = await publishOther()
    const later = await json(['policy', 'activate', other, '--at', 'PT3S', '--reason', 'by itself'])
    expect(later).toMatchObject({ effective: false, scheduled: { revision: other }, waiting: [{ id: later.scheduled.id }] })
    await until(async () => (await answers()).every(({ policyRevision }) => policyRevision === other))
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(later.scheduled.activateAt))
    await until(async () => Date.now() > Date.parse(never.scheduled.activateAt) + 1_000)
    expect(await everInForce()).toEqual([first, edited, first, other])
    expect((await json(['policy', 'schedule'])).scheduled).toEqual([])
  })

  /** The samples with another title. @returns its revision */
  async function publishOther(): Promise<string> {
    copySamples()
    edit('office/catalogue.yaml', 'title: Close a ticket', 'title: Close a ticket for good')
    const { published } = await json(['policy', 'publish', '--no-git', '--no-plan'])
    return published.revision.revision
  }
})

describe('two rollbacks at once', () => {
  it('on two replicas go back once: the second does not undo the first', async () => {
    const before = await inForce()
    const holder = new pg.Client({ connectionString: postgres.url })
    await holder.connect()
    try {
      // Both have looked at what is in force, and neither has done anything yet.
      await holder.query('begin')
      await holder.query('select position from access_head for update')
      const both = [0, 1].map((index) => ask(replica(index), 'POST', '/v1/policy/rollback', { reason: 'no good' }))
      await until(async () => {
        const waiting = await postgres.query(
          `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
        )
        return waiting.length >= 2
      })
      await holder.query('commit')
      const ended = await Promise.all(both)
      expect(ended.filter(({ body }) => body['changed'] === true)).toHaveLength(1)
    } finally {
      await holder.end()
    }
    expect((await everInForce()).slice(-2)).toEqual([before, first])
    await expectAll(first, true)
  })
})

describe('a caller', () => {
  it('needs the scope publish to change what is in force, and reads without it what a reader may', async () => {
    const keyOf = async (...scopes: readonly string[]) =>
      String((await ask(replica(0), 'POST', '/v1/callers', { name: scopes.join('-'), scopes })).body['key'])
    const audits = await keyOf('audit', 'decide')
    for (const args of [
      ['publish', '--no-git'],
      ['activate', edited, '--reason', 'r'],
      ['rollback'],
      ['schedule', 'cancel', '00000000-0000-4000-8000-000000000000'],
    ]) {
      const refused = await castellan(['policy', ...args], audits)
      expect(refused.code).toBe(1)
      expect(refused.err).toContain('publish')
    }
    expect((await castellan(['policy', 'replicas'], audits)).code).toBe(0)
    await expectAll(first, true)
    expect((await castellan(['policy', 'activate', edited, '--reason', 'may'], await keyOf('publish'))).code).toBe(0)
    await expectAll(edited, false)
  })
})

describe('a replica that starts later', () => {
  it('answers by what is in force, whatever lies in its folder', async () => {
    const environment = {
      CASTELLAN_DATABASE_URL: postgres.url,
      CASTELLAN_POLICIES: join(folder, 'missing'),
      CASTELLAN_STOP_SETTLE_SECONDS: '0',
    }
    const late = await startServe(KEY, { cwd: folder, environment })
    try {
      expect((await ask(late, 'POST', '/v1/check', QUESTION)).body).toMatchObject({ allowed: false, policyRevision: edited })
      late.process.kill('SIGHUP')
      await late.process.seen(/nothing is re-read/)
      late.process.kill('SIGTERM')
      expect((await late.process.ended).code).toBe(0)
    } finally {
      late.process.kill('SIGKILL')
    }
  })
})

describe('a first start without any policy', () => {
  it('is not ready and refuses checks until one comes over the wire, and needs no restart then', async () => {
    const empty = await openTestPostgres()
    const environment = { CASTELLAN_DATABASE_URL: empty.url, CASTELLAN_STOP_SETTLE_SECONDS: '0' }
    let service: RunningService | undefined
    try {
      expect(await runCastellan(['migrate'], { cwd: folder, environment })).toMatchObject({ code: 0 })
      service = await startServe(KEY, { cwd: folder, environment })
      const health = () =>
        runCastellan(['healthcheck'], { cwd: folder, environment: { CASTELLAN_METRICS_PORT: new URL(service?.probes ?? '').port } })
      const refused = await health()
      expect(refused.code).toBe(1)
      const [, hint = ''] = /none in force: publish one and activate it: castellan ([^"\n]*)/.exec(refused.err) ?? []
      expect(service.process.out()).toContain(`castellan ${hint}`)
      expect(await ask(service, 'POST', '/v1/check', QUESTION)).toMatchObject({ status: 503, body: { code: 'store_unavailable' } })
      // What it says is what helps.
      const done = await castellan(hint.replace('<folder>', samples).split(' '), KEY, service)
      expect(done).toMatchObject({ code: 0, out: expect.stringContaining('in force on every replica') })
      expect(await health()).toMatchObject({ code: 0 })
      expect((await ask(service, 'POST', '/v1/check', QUESTION)).body).toMatchObject({ allowed: false, reason: 'UNKNOWN_TENANT' })
    } finally {
      service?.process.kill('SIGKILL')
      await service?.process.ended
      await empty.close()
    }
  })
})

describe('castellan dev', () => {
  // Something else than the samples, and good.
  beforeAll(() => {
    copySamples()
    edit('office/catalogue.yaml', 'title: Read tickets', 'title: Read tickets of the desk')
  })
  async function develop(environment: Readonly<Record<string, string>>, use: (service: RunningService) => Promise<void>): Promise<void> {
    const home = mkdtempSync(join(tmpdir(), 'castellan-policy-dev-'))
    const service = await startDev({ cwd: home, environment })
    try {
      await use(service)
    } finally {
      service.process.kill('SIGKILL')
      await service.process.ended
      rmSync(home, { recursive: true, force: true })
    }
  }
  const published = async (service: RunningService) => {
    const { code, out } = await castellan(['policy', 'publish', '--no-git', '-o', 'json'], service.key, service)
    expect(code).toBe(0)
    return String(JSON.parse(out).published.revision.revision)
  }
  const check = async (service: RunningService) =>
    (await ask(service, 'POST', '/v1/check', { user: 'ann', tenant: 'acme', permission: 'sales.quote.create' })).body

  it('goes by its folder: what is published there can be looked at, and is not activated, with a hint that says how', async () => {
    await develop({}, async (service) => {
      const revision = await published(service)
      const before = await check(service)
      for (const args of [['activate', revision, '--reason', 'r'], ['activate', revision, '--at', 'PT1H', '--reason', 'r'], ['rollback']]) {
        const refused = await castellan(['policy', ...args], service.key, service)
        expect(refused.code).toBe(1)
        expect(refused.err).toContain('CASTELLAN_POLICY_SOURCE=published')
      }
      expect(await check(service)).toMatchObject({ allowed: true, policyRevision: before['policyRevision'] })
    })
  })

  it('goes by what is published where it is told so, with the samples as its first policy', async () => {
    await develop({ CASTELLAN_POLICY_SOURCE: 'published' }, async (service) => {
      const before = await check(service)
      expect(before).toMatchObject({ allowed: true })
      expect(service.process.out()).toMatch(/^ {2}policies {2}published revisions /m)
      const revision = await published(service)
      expect((await castellan(['policy', 'activate', revision, '--reason', 'tries it'], service.key, service)).code).toBe(0)
      expect(await check(service)).toMatchObject({ policyRevision: revision })
      expect((await castellan(['policy', 'rollback', '--reason', 'and back'], service.key, service)).code).toBe(0)
      expect(await check(service)).toMatchObject({ policyRevision: before['policyRevision'] })
    })
  })
})
