/** An auditor's questions over both wires and at the command line: the same answers, and only for whom they are. */
import type { ServiceError } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { openDecisionLogReader } from '../../../src/access/decision-log-reader.ts'
import { openAccessHistory } from '../../../src/decision/history/access-history.ts'
import { recordOf } from '../../../src/decision/log/record.ts'
import { HISTORY_ROUTES } from '../../../src/decision/transport/http/history-routes.ts'
import { runCommandLine } from '../../../src/main/command-line/run.ts'
import type { Scope } from '../../../src/model/caller.ts'
import type { DecisionRecord } from '../../../src/model/decision-record.ts'
import { NEVER } from '../../support/house.ts'
import { ADMIN_KEY, ask, auditClient, type Client, call, decisionClient, openWires, type Wires } from './wires.ts'

const READ = 'coding.medical-stay.read'
const VALIDATE = 'coding.medical-stay.validate'
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

let wires: Wires
let decisions: Client
let audits: Client
const keys: Record<string, string> = {}
/** By how they were made. */
const records: Record<string, DecisionRecord> = {}
let beginMs: number

const databaseMs = () => wires.house.store.change((transaction) => transaction.nowMs())
const iso = (ms: number) => new Date(ms).toISOString()
const timestamp = (ms: number) => ({ seconds: Math.floor(ms / 1_000), nanos: (ms % 1_000) * 1_000_000 })

async function callerKey(name: string, scopes: readonly Scope[], tenants?: readonly string[]): Promise<string> {
  const { administration, context } = wires.house
  const made = await administration.createCaller(context, { name, scopes, ...(tenants === undefined ? {} : { tenants }) })
  return made.key
}

beforeAll(async () => {
  const beforeMs = Date.now()
  wires = await openWires()
  const { house } = wires
  const { administration, context } = house
  decisions = decisionClient(wires.grpc.port)
  audits = auditClient(wires.grpc.port)
  keys['audit'] = await callerKey('auditor', ['audit'])
  keys['administer'] = await callerKey('administrator', ['administer'])
  keys['decide'] = wires.keys.decide
  keys['north'] = await callerKey('north only', ['audit', 'administer'], ['north'])
  beginMs = await databaseMs()
  for (let now = 0; now <= beginMs; ) now = await databaseMs()
  await administration.revokeRole(context, 'north', 'ann', 'coder')
  const nowMs = await databaseMs()
  for (const [user, tenant, ms] of [
    ['dora', 'north', 3 * DAY_MS],
    ['cleo', 'north', HOUR_MS],
    ['cleo', 'south', 2 * HOUR_MS],
    ['emil', 'north', 9 * DAY_MS],
    ['gone', 'north', HOUR_MS],
  ] as const)
    await administration.grant(context, { user, tenant, role: 'reader', expiresAtMs: nowMs + ms })
  await administration.revokeRole(context, 'north', 'gone', 'reader')

  // What was decided, as the log has it.
  const caller = { id: 'c-1', name: 'ward service' }
  const asked = { wire: 'http' as const, caller, requestId: 'r-1', trace: undefined, elapsedMs: 0.5 }
  const check = async (name: string, user: string, tenant: string, permission: string, agoMs: number) => {
    const decision = await house.check(user, tenant, permission)
    records[name] = recordOf({ ...asked, decision, method: 'Check', atMs: Date.now() - agoMs }, 'replica-1', 1)
  }
  await check('allowed', 'cleo', 'north', READ, 60_000)
  await check('denied', 'ann', 'north', VALIDATE, 50_000)
  await check('south', 'cleo', 'south', READ, 40_000)
  const several = await house.decisions.checkPermissions({ user: 'cleo', tenant: 'north', permissions: [READ, VALIDATE] }, NEVER)
  records['several'] = recordOf({ ...asked, decision: several, method: 'CheckPermissions', atMs: Date.now() - 30_000 }, 'replica-1', 0.5)
  const writer = house.store.decisionLogWriter
  await writer.createDays([...new Set([beforeMs - HOUR_MS, Date.now()].map((ms) => iso(ms).slice(0, 10)))])
  expect(await writer.insert(Object.values(records).map((record) => JSON.stringify(record)))).toBe('written')
}, 60_000)
afterAll(async () => {
  decisions?.close()
  audits?.close()
  await wires?.close()
})

const get = (path: string, key = 'audit') => call(wires, 'GET', path, undefined, keys[key] ?? key)

async function run(...args: readonly string[]) {
  const written = { out: '', err: '' }
  const code = await runCommandLine(args, {
    out: (text) => {
      written.out += text
    },
    err: (text) => {
      written.err += text
    },
    environment: { CASTELLAN_URL: `http://127.0.0.1:${wires.http.port}`, CASTELLAN_KEY: keys['audit'] ?? '' },
    colours: false,
    nowMs: () => Date.now(),
  })
  return { code, ...written }
}

/** Over HTTP as its own description says. */
function described(operation: string, json: unknown): void {
  const route = HISTORY_ROUTES.find((one) => one.operation === operation)
  expect(route?.response.safeParse(json).error).toBeUndefined()
}

describe('what-can and who-can at another time', () => {
  const permissions = '/v1/tenants/north/users/ann/permissions'
  const holders = `/v1/tenants/north/permissions/${READ}/users`

  it('answer alike over both wires and at the command line, and otherwise than now', async () => {
    const then = await get(`${permissions}?at=${iso(beginMs)}`)
    expect(then.json.permissions.map((one: { permission: string }) => one.permission)).toEqual([READ, VALIDATE])
    expect((await get(permissions, 'decide')).json.permissions).toEqual([])
    const message = { user: 'ann', tenant: 'north', at: timestamp(beginMs) }
    const answered = await ask(decisions, 'ListPermissions', message, keys['audit'] ?? '')
    expect(answered.permissions.map((one: { permission: string }) => one.permission)).toEqual([READ, VALIDATE])
    expect((await run('what-can', 'ann', 'north', '--at', iso(beginMs))).out).toContain(VALIDATE)

    const who = await get(`${holders}?at=${iso(beginMs)}`)
    expect(who.json.users.map((one: { user: string }) => one.user)).toEqual(['ann', 'bob'])
    const question = { tenant: 'north', permission: READ, at: timestamp(beginMs) }
    const asked = await ask(decisions, 'ListUsers', question, keys['administer'] ?? '')
    expect(asked.users.map((one: { user: string }) => one.user)).toEqual(['ann', 'bob'])
    expect((await run('who-can', 'north', READ, '--at', iso(beginMs))).out).toMatch(/^USER.*\nann.*\nbob/)
  })

  it('page through holders, each once', async () => {
    const at = iso(beginMs)
    const first = await get(`${holders}?at=${at}&pageSize=1`)
    const second = await get(`${holders}?at=${at}&pageSize=1&pageToken=${first.json.nextPageToken}`)
    expect([...first.json.users, ...second.json.users].map((one: { user: string }) => one.user)).toEqual(['ann', 'bob'])
    expect((await get(`${holders}?at=${at}&pageToken=!`)).json).toMatchObject({ code: 'request_invalid' })
  })

  it('look ahead, by a duration from now too', async () => {
    expect((await run('who-can', 'north', READ, '--at', 'PT2H')).out).not.toContain('cleo')
    expect((await run('who-can', 'north', READ, '--at', 'PT2H')).out).toContain('dora')
    expect((await run('who-can', 'north', READ, '--at', 'P4D')).out).not.toContain('dora')
  })

  it.each([
    ['decide', 'decide'],
    ['north', undefined],
    ['audit', undefined],
    ['administer', undefined],
  ])('with the key of %s ask for the scope audit or administer', async (key, denied) => {
    for (const path of [permissions, holders]) {
      const { status, json } = await get(`${path}?at=${iso(beginMs)}`, key)
      expect({ status, code: json.code }).toEqual(denied === undefined ? { status: 200 } : { status: 403, code: 'permission_denied' })
    }
  })

  it('are for no caller that is limited to other tenants, and need no decide', async () => {
    expect((await get(`/v1/tenants/south/users/ann/permissions?at=${iso(beginMs)}`, 'north')).json).toMatchObject({
      code: 'permission_denied',
    })
    expect((await get(`/v1/tenants/south/permissions/${READ}/users?at=${iso(beginMs)}`, 'north')).json).toMatchObject({
      code: 'permission_denied',
    })
    // Without a time nothing has changed.
    expect((await get(permissions, 'audit')).json).toMatchObject({ code: 'permission_denied' })
  })

  it('say so of a time before the first policy, of a permission in no catalogue then, and of what is no instant', async () => {
    const early = await get(`${permissions}?at=1990-01-01T00:00:00Z`)
    expect(early.json).toMatchObject({
      code: 'not_found',
      detail: expect.stringContaining('No policy was in force'),
      hint: expect.any(String),
    })
    expect((await get(`${holders}?at=1990-01-01T00:00:00Z`)).json).toMatchObject({ code: 'not_found' })
    expect((await get(`/v1/tenants/north/permissions/no.such/users?at=${iso(beginMs)}`)).json).toMatchObject({ code: 'not_found' })
    expect((await get(`${permissions}?at=yesterday`)).json).toMatchObject({ violations: [{ field: 'at', message: expect.any(String) }] })
    const refused = await ask(
      decisions,
      'ListPermissions',
      { user: 'ann', tenant: 'north', at: timestamp(beginMs) },
      keys['decide'] ?? '',
    ).catch((fault: ServiceError) => fault)
    expect(refused).toMatchObject({ code: 7 })
  })
})

describe('assignments that end', () => {
  const usersOf = (json: { assignments: readonly { user: string; tenant: string }[] }) =>
    json.assignments.map(({ user, tenant }) => `${user}@${tenant}`)
  const address = `/v1/assignments/expiring?withinSeconds=${(4 * DAY_MS) / 1_000}`

  it('come soonest first, over both wires and at the command line; what was revoked or ends later does not', async () => {
    const { json } = await get(address)
    described('ListExpiringAssignments', json)
    expect(usersOf(json)).toEqual(['cleo@north', 'cleo@south', 'dora@north'])
    const answered = await ask(audits, 'ListExpiringAssignments', { withinSeconds: (4 * DAY_MS) / 1_000 }, keys['administer'] ?? '')
    expect(usersOf(answered)).toEqual(usersOf(json))
    expect((await run('expiring', '--within', '4d')).out).toMatch(/cleo +north.*cleo +south.*dora +north/s)
    expect((await run('expiring', '--within', 'PT90M', '--tenant', 'south')).out).toBe('none\n')
  })

  it('come page by page, each once, also of one tenant', async () => {
    for (const filter of ['', '&tenant=north']) {
      const found: string[] = []
      let pageToken = ''
      do {
        const { json } = await get(`${address}${filter}&pageSize=1${pageToken === '' ? '' : `&pageToken=${pageToken}`}`)
        found.push(...usersOf(json))
        pageToken = json.nextPageToken ?? ''
      } while (pageToken !== '')
      expect(found).toEqual(['cleo@north', 'cleo@south', 'dora@north'].filter((one) => filter === '' || one.endsWith('north')))
    }
  })

  it('are shown to a limited caller of its tenants only, and to none that may only ask', async () => {
    expect(usersOf((await get(address, 'north')).json)).toEqual(['cleo@north', 'dora@north'])
    expect((await get(`${address}&tenant=south`, 'north')).json).toMatchObject({ code: 'permission_denied' })
    expect((await get(address, 'decide')).json).toMatchObject({ code: 'permission_denied' })
  })

  it.each(['0', '-1', '1.5', '31622401', 'soon', ''])('refuses to look %j seconds ahead', async (seconds) => {
    const { status, json } = await get(`/v1/assignments/expiring?withinSeconds=${seconds}`)
    expect({ status, fields: json.violations.map(({ field }: { field: string }) => field) }).toEqual({
      status: 400,
      fields: ['withinSeconds'],
    })
  })
})

describe('decisions in the log', () => {
  const idsOf = (json: { decisions: readonly { id: string }[] }) => json.decisions.map(({ id }) => id)
  const ids = (...names: readonly string[]) => names.map((name) => records[name]?.id)

  it('come newest first over both wires, as they were recorded', async () => {
    const { json } = await get('/v1/decisions')
    described('ListDecisions', json)
    expect(idsOf(json)).toEqual(ids('several', 'south', 'denied', 'allowed'))
    const { type: _, ...recorded } = records['denied'] as DecisionRecord
    expect(json.decisions[2]).toEqual(recorded)
    const answered = await ask(audits, 'ListDecisions', {}, keys['audit'] ?? '')
    expect(idsOf(answered)).toEqual(idsOf(json))
    expect(answered.decisions[2]).toMatchObject({ reason: 'NO_ASSIGNMENT', caller: { id: 'c-1', name: 'ward service' } })
  })

  it.each([
    ['user=ann', ['denied']],
    ['outcome=deny', ['several', 'denied']],
    // By code, and among names asked at once with its own outcome.
    ['permission=t.1&outcome=deny', ['several', 'denied']],
    [`permission=${READ}&outcome=allow`, ['several', 'south', 'allowed']],
    ['tenant=south', ['south']],
    ['caller=c-2', []],
    ['reason=ROLE', []],
  ])('are filtered by %s', async (filter, names) => {
    expect(idsOf((await get(`/v1/decisions?${filter}`)).json)).toEqual(ids(...names))
  })

  it('are shown to a limited caller of its tenants only, and to none without the scope', async () => {
    expect(idsOf((await get('/v1/decisions', 'north')).json)).toEqual(ids('several', 'denied', 'allowed'))
    expect((await get('/v1/decisions?tenant=south', 'north')).json).toMatchObject({ code: 'permission_denied' })
    expect((await get(`/v1/decisions/${records['south']?.id}`, 'north')).json).toMatchObject({ code: 'not_found' })
    expect((await get(`/v1/decisions/${records['allowed']?.id}`, 'north')).status).toBe(200)
    for (const key of ['decide', 'administer']) {
      expect((await get('/v1/decisions', key)).json).toMatchObject({ code: 'permission_denied' })
      expect((await get(`/v1/decisions/${records['allowed']?.id}`, key)).json).toMatchObject({ code: 'permission_denied' })
    }
  })

  it('are explained one by one by their id', async () => {
    const { json } = await get(`/v1/decisions/${records['allowed']?.id}`)
    described('GetDecision', json)
    const answered = await ask(audits, 'GetDecision', { id: records['allowed']?.id }, keys['audit'] ?? '')
    expect(answered.decision.id).toBe(json.decision.id)
    const { out } = await run('explain', records['allowed']?.id ?? '')
    for (const words of ['allow', 'cleo', 'north', READ, 'ward service', 'reader', records['allowed']?.policyRevision ?? '', 'assignment '])
      expect(out).toContain(words)
    expect((await run('explain', records['several']?.id ?? '')).out).toMatch(/coding\.medical-stay\.validate +t\.1 +deny/)
    expect(await run('explain', '00000000-0000-4000-8000-000000000000')).toMatchObject({
      code: 1,
      err: expect.stringContaining('no decision'),
    })
  })

  it('are listed at the command line, and wrong usage is told before a service is asked', async () => {
    expect((await run('decisions', 'list', '--outcome', 'deny', '--user', 'ann')).out).toMatch(/deny .*ann.*validate.*ward service/)
    expect((await run('decisions', 'list', '--until', 'P1D')).out).toBe('none\n')
    expect((await run('decisions', 'list', '--since', 'P1D')).out.trim().split('\n')).toHaveLength(4)
    for (const args of [
      ['explain', 'ann'],
      ['explain', 'ann', 'north'],
      ['what-can', 'ann', 'north', '--at', 'soon'],
      ['expiring', '--within', '0d'],
    ])
      expect(await run(...args)).toMatchObject({ code: 2 })
  })
})

describe('permissions of a role that nobody uses', () => {
  it('are told with what the report rests on, over both wires and at the command line', async () => {
    const { json } = await get('/v1/roles/coder/use?days=7')
    described('GetRoleUse', json)
    const day = `${records['allowed']?.at.slice(0, 10)}T00:00:00.000Z`
    const known = { lost: 0, sampled: 0, knownFrom: day, policyRevision: wires.house.policy.revision }
    expect(json).toMatchObject({ role: 'coder', ...known })
    expect(Date.parse(json.until) - Date.parse(json.from)).toBeGreaterThanOrEqual(7 * DAY_MS)
    expect(Date.parse(json.from) % DAY_MS).toBe(0)
    expect(json.permissions).toEqual([
      { permission: READ, code: 't.0', uses: 0 },
      { permission: VALIDATE, code: 't.1', uses: 0 },
    ])
    const reader = (await get('/v1/roles/reader/use?tenant=north')).json
    expect(reader.permissions).toEqual([{ permission: READ, code: 't.0', uses: 2, lastUsed: records['several']?.at }])
    const answered = await ask(audits, 'GetRoleUse', { role: 'reader' }, keys['audit'] ?? '')
    expect(answered.permissions).toMatchObject([{ permission: READ, uses: 3 }])

    const { out } = await run('roles', 'use', 'coder', '--days', '30')
    expect(out).toMatch(/unused.*2 of 2 permissions of coder unused in 30 days/s)
    // Nobody said what was kept.
    expect(out).toMatch(/of allowed decisions none is known to be kept, none was lost/)
    expect(out).toMatch(/warning: the log begins at .* 0 days ago/)
  })

  it('are told of a limited caller’s tenants only, and to none without the scope', async () => {
    expect((await get('/v1/roles/reader/use', 'north')).json.permissions).toMatchObject([{ uses: 2 }])
    expect((await get('/v1/roles/reader/use?tenant=south', 'north')).json).toMatchObject({ code: 'permission_denied' })
    expect((await get('/v1/roles/reader/use', 'administer')).json).toMatchObject({ code: 'permission_denied' })
    expect((await get('/v1/roles/writer/use')).json).toMatchObject({ code: 'not_found' })
    expect((await get('/v1/roles/reader/use?days=367')).json).toMatchObject({
      violations: [{ field: 'days', message: expect.any(String) }],
    })
  })

  it('owns up to losses and sampling', async () => {
    const { decisionLogWriter } = wires.house.store
    await decisionLogWriter.insertTerms('replica-1', 1)
    expect((await run('roles', 'use', 'coder')).out).toMatch(/every allowed decision was kept, none was lost/)
    await decisionLogWriter.insertLoss('replica-1', 7)
    await decisionLogWriter.insertTerms('replica-2', 0.1)
    expect((await get('/v1/roles/coder/use')).json).toMatchObject({ lost: 7, sampled: 0.1 })
    const { out } = await run('roles', 'use', 'coder')
    expect(out).toMatch(/at least 10 % of allowed decisions were kept, 7 were lost/)
    expect(out).toMatch(/warning: not all decisions are known to be kept.*warning: the log lost 7 decisions/s)
  })
})

it('where users are masked no list is asked for one of them', async () => {
  const { store, policy } = wires.house
  const { list } = openDecisionLogReader({ table: store.decisionLog, policy, masked: ['user'] })
  const auditor = wires.house.admin
  await expect(list(auditor, { user: 'ann' }, { pageSize: 1 })).rejects.toMatchObject({
    code: 'request_invalid',
    violations: [{ field: 'user' }],
  })
  expect((await list(auditor, { tenant: 'north' }, { pageSize: 1 })).items).toHaveLength(1)
})

it('where no decision log is kept in the database every question about it says which setting keeps one', async () => {
  const without = await openWires((needs, { store, policy }) => ({
    ...needs,
    history: openAccessHistory({ store, policy, schedule: true, decisionTable: undefined }),
    decisionLog: openDecisionLogReader({ table: undefined, policy }),
  }))
  try {
    for (const path of ['/v1/decisions', '/v1/decisions/x', '/v1/roles/reader/use'])
      expect((await call(without, 'GET', path, undefined, ADMIN_KEY)).json).toMatchObject({
        code: 'not_found',
        hint: expect.stringContaining('CASTELLAN_DECISION_LOG'),
      })
  } finally {
    await without.close()
  }
}, 60_000)
