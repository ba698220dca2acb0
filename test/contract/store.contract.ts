/** What every implementation of the store promises. Tests of one run share a store, so each takes ids of its own. */
import { createHash, randomUUID } from 'node:crypto'
import { expect, it } from '@jest/globals'
import type { PageInput } from '../../src/model/administration.ts'
import type { AssignmentRecord, AuditRecord } from '../../src/model/records.ts'
import type { ChangeTransaction, Store } from '../../src/store/ports.ts'
import { HOSTILE_IDS } from '../support/ids.ts'
import type { TestStore } from '../support/stores.ts'

const DAY_MS = 86_400_000

interface Grant {
  readonly role?: string
  readonly fromMs?: number
  readonly untilMs?: number | null
}

/** One pair with one assignment per grant, in one change. */
async function grant(store: Store, tenant: string, user: string, ...grants: Grant[]): Promise<AssignmentRecord[]> {
  return await store.change(async (change) => {
    await change.ensureTenant(tenant)
    await change.ensureUser(user)
    const nowMs = await change.nowMs()
    const records: AssignmentRecord[] = []
    for (const { role = 'coder', fromMs = nowMs, untilMs = null } of grants) {
      const row = { id: randomUUID(), tenant, user, role, validFromMs: fromMs, expiresAtMs: untilMs, reason: null, createdBy: 'test' }
      records.push(await change.insertAssignment(row))
    }
    await change.appendFeed([{ kind: 'assignment', tenant, user }])
    return records
  })
}

const id = (word: string): string => `${word}-${randomUUID()}`
const auditRow = (fields: Partial<Omit<AuditRecord, 'id' | 'atMs'>> = {}): Omit<AuditRecord, 'id' | 'atMs'> => ({
  action: 'user.put',
  result: 'applied',
  actor: 'test',
  actorName: 'Test',
  tenant: null,
  user: null,
  target: null,
  reason: null,
  before: null,
  after: null,
  position: null,
  requestId: null,
  ...fields,
})
const hashOf = (text: string): Uint8Array => createHash('sha256').update(text).digest()

export function resolutionContract(current: () => TestStore): void {
  it('answers nothing for a pair that nobody ever named, with a position and the time', async () => {
    const state = await current().store.access.resolve(id('tenant'), id('user'))
    expect(state).toMatchObject({ tenant: undefined, user: undefined, assignments: [] })
    expect(Number.isSafeInteger(state.position)).toBe(true)
    expect(Number.isSafeInteger(state.readAtMs)).toBe(true)
  })

  it('answers states, attributes, epoch and assignments as they were written, to the millisecond', async () => {
    const { store } = current()
    const [tenant, user] = [id('tenant'), id('user')]
    const fromMs = Date.now() - DAY_MS + 1
    const [first, second] = await grant(store, tenant, user, { fromMs, untilMs: fromMs + 3 * DAY_MS + 7 }, { role: 'admin', fromMs })
    await store.change(async (change) => {
      const { record } = await change.ensureTenant(tenant)
      await change.updateTenant({ ...record, state: 'suspended', attributes: { plan: 'gold' } })
      const { record: person } = await change.ensureUser(user)
      await change.updateUser({ ...person, state: 'deactivated', epoch: 3, attributes: { sites: ['n', 's'], __proto__x: 1 } }, 'left')
    })
    const state = await store.access.resolve(tenant, user)
    expect(state.tenant).toEqual({ suspended: true, attributes: { plan: 'gold' } })
    expect(state.user).toEqual({ deactivated: true, epoch: 3, attributes: { sites: ['n', 's'], __proto__x: 1 } })
    const expected = [first, second].map((row) => ({
      id: row?.id,
      role: row?.role,
      validFromMs: row?.validFromMs,
      expiresAtMs: row?.expiresAtMs,
    }))
    expect(state.assignments).toEqual(expected.sort((a, b) => ((a.id ?? '') < (b.id ?? '') ? -1 : 1)))
    expect(state.assignments.map((row) => row.validFromMs)).toEqual([fromMs, fromMs])
  })

  it('is at the position of a change as soon as the change has answered', async () => {
    const { store } = current()
    const position = await store.change((change) => change.appendFeed([{ kind: 'user', user: 'u' }]))
    expect((await store.access.resolve('t', 'u')).position).toBeGreaterThanOrEqual(position)
    expect(await store.change((change) => change.readPosition())).toBeGreaterThanOrEqual(position)
  })

  it('leaves out what is revoked, keeps what is to come, and reads only the latest of what is over', async () => {
    const { store } = current()
    const [tenant, user] = [id('tenant'), id('user')]
    const nowMs = Date.now()
    const over = Array.from({ length: 25 }, (_, day) => ({ fromMs: nowMs - 60 * DAY_MS, untilMs: nowMs - (day + 1) * DAY_MS }))
    const ended = await grant(store, tenant, user, ...over)
    const [living, coming, gone] = await grant(store, tenant, user, {}, { fromMs: nowMs + DAY_MS }, {})
    const revoked = await store.change((change) => change.revokeAssignments([gone?.id ?? ''], 'boss'))
    expect(revoked).toMatchObject([{ id: gone?.id, revokedBy: 'boss', revokedAtMs: expect.any(Number) }])
    const expected = [...ended.slice(0, 20), living, coming].map((row) => row?.id).sort()
    expect((await store.access.resolve(tenant, user)).assignments.map((row) => row.id)).toEqual(expected)
  })

  it("has windows that begin at their instant and are over at their end, on the database's own clock", async () => {
    const { store } = current()
    const [tenant, user] = [id('tenant'), id('user')]
    await store.change(async (change) => {
      await change.ensureTenant(tenant)
      await change.ensureUser(user)
      const nowMs = await change.nowMs()
      const row = { tenant, user, reason: null, createdBy: 'test' }
      await change.insertAssignment({ ...row, id: `${user}-now`, role: 'from-now', validFromMs: nowMs, expiresAtMs: null })
      await change.insertAssignment({ ...row, id: `${user}-over`, role: 'until-now', validFromMs: nowMs - 1, expiresAtMs: nowMs })
      await change.insertAssignment({ ...row, id: `${user}-will`, role: 'until-next', validFromMs: nowMs, expiresAtMs: nowMs + 1 })
      const live = await change.listLiveAssignments(tenant, user, nowMs)
      expect(live.map((item) => item.role)).toEqual(['from-now', 'until-next'])
      expect(await change.listEndedAssignments(user, nowMs, nowMs + 1)).toMatchObject([{ role: 'until-now' }])
      expect(await change.listEndedAssignments(user, nowMs - 5, nowMs)).toEqual([])
    })
    const held = await store.access.listHolders(tenant, ['from-now', 'until-now'], undefined, 10)
    expect(held.holders).toEqual([{ user, attributes: {}, roles: ['from-now'] }])
  })

  it('keeps ids apart that careless code mixes up', async () => {
    const { store } = current()
    // No other test of the suite uses these, so they stand here as they are: a blank at the end stays at the end.
    const ids = [...HOSTILE_IDS, 'y'.repeat(200), "'", 'trailing  ', '\\\\', '?', '??', '$1', '$$', 'é', 'e\u0301']
    const distinct = [...new Set(ids)]
    for (const [index, hostile] of distinct.entries()) await grant(store, hostile, hostile, { role: `role-${index}` })
    for (const [index, hostile] of distinct.entries()) {
      expect((await store.access.resolve(hostile, hostile)).assignments.map((row) => row.role)).toEqual([`role-${index}`])
      expect((await store.records.findUser(hostile))?.id).toBe(hostile)
    }
    const other = await store.access.resolve(distinct[0] ?? '', distinct[1] ?? '')
    expect(other.assignments).toEqual([])
  })
}

export function holdersContract(current: () => TestStore): void {
  it('lists holders in byte order, page by page, each with all roles that were asked for and are in force', async () => {
    const { store } = current()
    const tenant = id('tenant')
    const users = ['Zoe', 'ann', 'ann ', 'e\u0301a', '\u00e9a', '😀', '\uffeda'].map((name) => `${name}|${tenant}`)
    for (const user of users)
      await grant(store, tenant, user, { role: 'coder' }, { role: 'coder', untilMs: Date.now() + DAY_MS }, { role: 'other' })
    await grant(store, tenant, users[1] ?? '', { role: 'admin' }, { role: 'late', fromMs: Date.now() + DAY_MS })
    const sorted = [...users].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    const seen: string[] = []
    for (let after: string | undefined; ; after = seen.at(-1)) {
      const page = await store.access.listHolders(tenant, ['coder', 'admin', 'late', 'coder', 'nobody'], after, 2)
      if (page.holders.length === 0) break
      expect(page.holders.length).toBeLessThanOrEqual(2)
      for (const holder of page.holders) expect(holder.roles).toEqual(holder.user === users[1] ? ['admin', 'coder'] : ['coder'])
      seen.push(...page.holders.map((holder) => holder.user))
    }
    expect(seen).toEqual(sorted)
  })

  it('lists no holder for a suspended or unknown tenant, for no role, nor one whose account is deactivated', async () => {
    const { store } = current()
    const [tenant, active, gone] = [id('tenant'), id('active'), id('gone')]
    await grant(store, tenant, active, {})
    await grant(store, tenant, gone, {})
    await store.change(async (change) => {
      const { record } = await change.ensureUser(gone)
      await change.updateUser({ ...record, state: 'deactivated' }, 'left')
    })
    const names = async (name: string, roles: string[]) => {
      const { holders } = await store.access.listHolders(name, roles, undefined, 10)
      return holders.map((holder) => holder.user)
    }
    expect(await names(tenant, ['coder'])).toEqual([active])
    expect(await names(tenant, [])).toEqual([])
    expect(await names(id('nowhere'), ['coder'])).toEqual([])
    await store.change(async (change) => {
      const { record } = await change.ensureTenant(tenant)
      await change.updateTenant({ ...record, state: 'suspended' })
    })
    expect(await names(tenant, ['coder'])).toEqual([])
    expect((await store.access.listHolders(tenant, ['coder'], undefined, 10)).tenant).toEqual({ suspended: true, attributes: {} })
  })
}

export function changeContract(current: () => TestStore): void {
  it('leaves nothing of a change that failed, at whichever step', async () => {
    const { store } = current()
    const [tenant, user] = [id('tenant'), id('user')]
    const before = await store.change((change) => change.readPosition())
    const boom = new Error('boom')
    const attempt = store.change(async (change) => {
      await change.ensureTenant(tenant)
      await change.ensureUser(user)
      await change.appendFeed([{ kind: 'user', user }])
      await change.appendAudit(auditRow({ user }))
      throw boom
    })
    await expect(attempt).rejects.toBe(boom)
    expect(await store.records.findTenant(tenant)).toBeUndefined()
    expect(await store.records.findUser(user)).toBeUndefined()
    expect((await store.records.listAudit({ user }, null, { pageSize: 10 })).items).toEqual([])
    expect(await store.change((change) => change.readPosition())).toBe(before)
  })

  it('rolls a change back whose audit row is refused, even when the refusal was swallowed', async () => {
    const { store } = current()
    const user = id('user')
    const bad = auditRow({ user, result: 'perhaps' as 'noop' })
    const swallowed = store.change(async (change) => {
      await change.ensureUser(user)
      await change.appendAudit(bad).catch(() => undefined)
    })
    await expect(swallowed).rejects.toMatchObject({ code: 'store_unavailable' })
    await expect(
      store.change(async (change) => {
        await change.ensureUser(user)
        await change.appendAudit(bad)
      }),
    ).rejects.toMatchObject({ code: 'store_unavailable' })
    expect(await store.records.findUser(user)).toBeUndefined()
  })

  it('takes one feed position a transaction', async () => {
    const twice = current().store.change(async (change) => {
      await change.appendFeed([{ kind: 'user', user: 'u' }])
      await change.appendFeed([{ kind: 'user', user: 'u' }])
    })
    await expect(twice).rejects.toMatchObject({ code: 'store_unavailable' })
  })

  it('tells the history and the feed the same of the policy in force, or neither', async () => {
    const { store } = current()
    const [revision, other] = [id('revision'), id('revision')]
    const before = await activate(store, other)
    const prepare = (change: ChangeTransaction) => change.insertRevision(revision, '{}', 'test')
    for (const work of [
      (change: ChangeTransaction) => change.activateRevision(revision, 'system'),
      (change: ChangeTransaction) => change.appendFeed([{ kind: 'policy', revision }]),
      async (change: ChangeTransaction) => {
        await change.activateRevision(other, 'system')
        await change.appendFeed([{ kind: 'policy', revision }])
      },
      async (change: ChangeTransaction) => {
        await change.appendFeed([{ kind: 'user', user: 'u' }])
        await change.activateRevision(revision, 'system')
      },
    ]) {
      const attempt = store.change(async (change) => {
        await prepare(change)
        await work(change)
      })
      await expect(attempt).rejects.toMatchObject({ code: 'store_unavailable' })
    }
    expect(await store.change((change) => change.findActiveRevisionName())).toBe(other)
    expect((await store.access.resolve('t', 'u')).policyPosition).toBe(before)
    expect(await store.records.findRevision(revision)).toBeUndefined()
  })

  it('makes a row once however many ask for it at the same time', async () => {
    const { store } = current()
    const [tenant, user] = [id('tenant'), id('user')]
    const results = await Promise.all(
      Array.from({ length: 20 }, () =>
        store.change(async (change) => {
          const first = await change.ensureTenant(tenant)
          const second = await change.ensureUser(user)
          return [first.created, second.created, second.record.id] as const
        }),
      ),
    )
    expect(results.filter(([created]) => created)).toHaveLength(1)
    expect(results.filter(([, created]) => created)).toHaveLength(1)
    expect(new Set(results.map(([, , name]) => name))).toEqual(new Set([user]))
  })

  it('refuses a window that ends before it begins, and a row of an unknown user', async () => {
    const { store } = current()
    const [tenant, user] = [id('tenant'), id('user')]
    const nowMs = Date.now()
    await expect(grant(store, tenant, user, { fromMs: nowMs, untilMs: nowMs })).rejects.toMatchObject({ code: 'store_unavailable' })
    const unknown = (change: ChangeTransaction) =>
      change.insertAssignment({
        id: id('a'),
        tenant,
        user,
        role: 'r',
        validFromMs: 0,
        expiresAtMs: null,
        reason: null,
        createdBy: 'test',
      })
    await expect(store.change(unknown)).rejects.toMatchObject({ code: 'store_unavailable' })
  })

  it('surfaces what PostgreSQL cannot store as StoreError, with nothing of the driver in the public text', async () => {
    const { store } = current()
    for (const work of [
      () => store.records.findUser('a\u0000b'),
      () => store.access.resolve('a\u0000b', 'u'),
      () => store.change((change) => change.ensureUser('a\u0000b')),
    ]) {
      const fault = await work().catch((error: unknown) => error)
      expect(fault).toMatchObject({ name: 'StoreError', code: 'store_unavailable', publicMessage: 'The decision store is unavailable.' })
      expect((fault as Error).cause).toMatchObject({ code: '22021' })
      expect(JSON.stringify([(fault as Error).message, (fault as { hint?: string }).hint])).not.toMatch(/select|encoding|subject/)
    }
    await store.ping()
  })
}

export function recordsContract(current: () => TestStore): void {
  it('pages tenants and users in byte order without losing or repeating one', async () => {
    const { store } = current()
    const mark = id('page')
    const ids = ['b', 'B', 'a', 'é', '😀', 'a '].map((name) => `${mark}${name}`)
    for (const name of ids) await grant(store, name, name)
    const sorted = [...ids].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    for (const list of [(page: PageInput) => store.records.listTenants(null, page), store.records.listUsers]) {
      const seen: string[] = []
      let pageToken: string | undefined
      do {
        const page: { items: readonly { id: string }[]; nextPageToken?: string } = await list({
          pageSize: 2,
          ...(pageToken === undefined ? {} : { pageToken }),
        })
        seen.push(...page.items.map((item) => item.id))
        pageToken = page.nextPageToken
      } while (pageToken !== undefined)
      expect(seen.filter((name) => name.startsWith(mark))).toEqual(sorted)
      expect(new Set(seen).size).toBe(seen.length)
    }
  })

  it.each([
    '%%%',
    'AA',
    'YWI=',
    Buffer.from('a\u0000b').toString('base64url'),
    Buffer.from([0xff, 0xfe]).toString('base64url'),
    'x'.repeat(5000),
  ])('refuses page token %# as the request error it is', async (pageToken) => {
    const { records } = current().store
    for (const ask of [
      () => records.listUsers({ pageSize: 2, pageToken }),
      () => records.listTenants(null, { pageSize: 2, pageToken }),
      () => records.listCallers({ pageSize: 2, pageToken }),
      () => records.listRevisions({ pageSize: 2, pageToken }),
      () => records.listAssignments('t', 'u', true, { pageSize: 2, pageToken }),
      () => records.listAudit({}, null, { pageSize: 2, pageToken }),
    ]) {
      await expect(ask()).rejects.toMatchObject({ code: 'request_invalid', violations: [{ field: 'pageToken' }] })
    }
  })

  it('keeps the history of a pair: revoked and over, page by page', async () => {
    const { store } = current()
    const [tenant, user] = [id('tenant'), id('user')]
    const nowMs = Date.now()
    const [living, over, revoked] = await grant(store, tenant, user, {}, { fromMs: nowMs - 2, untilMs: nowMs - 1 }, {})
    const once = await store.change((change) => change.revokeAssignments([revoked?.id ?? ''], 'first'))
    const again = await store.change((change) => change.revokeAssignments([revoked?.id ?? ''], 'second'))
    expect(again).toEqual(once)
    const live = await store.records.listAssignments(tenant, user, false, { pageSize: 10 })
    expect(live.items).toEqual([living])
    const first = await store.records.listAssignments(tenant, user, true, { pageSize: 2 })
    const rest = await store.records.listAssignments(tenant, user, true, { pageSize: 2, pageToken: first.nextPageToken ?? '' })
    expect([...first.items, ...rest.items]).toEqual([living, over, once[0]].sort((a, b) => ((a?.id ?? '') < (b?.id ?? '') ? -1 : 1)))
    expect(rest.nextPageToken).toBeUndefined()
  })

  it('keeps when the state of an account last changed', async () => {
    const { store } = current()
    const user = id('user')
    const { record } = await store.change((change) => change.ensureUser(user))
    expect(record).toMatchObject({ state: 'active', epoch: 0, email: null, stateReason: null, stateChangedAtMs: record.createdAtMs })
    await store.change((change) => change.updateUser({ ...record, email: 'a@b.example' }, null))
    expect(await store.records.findUser(user)).toEqual({ ...record, email: 'a@b.example' })
    const nowMs = await store.change(async (change) => {
      const stateChangedAtMs = await change.nowMs()
      await change.updateUser({ ...record, state: 'deactivated', epoch: 1, stateChangedAtMs }, 'left')
      return stateChangedAtMs
    })
    const after = await store.records.findUser(user)
    expect(after).toMatchObject({ state: 'deactivated', stateReason: 'left', stateChangedAtMs: nowMs, epoch: 1 })
  })

  it('finds a caller by its key only while it is neither revoked nor over', async () => {
    const { store } = current()
    const keys = ['good', 'over', 'revoked'].map((name) => id(name))
    const [good = '', over = '', revoked = ''] = keys
    const nowMs = await store.change((change) => change.nowMs())
    const row = { name: 'n', scopes: ['decide', 'audit'], tenants: null } as const
    const record = await store.change((change) => change.insertCaller({ ...row, id: good, expiresAtMs: nowMs + DAY_MS }, hashOf(good)))
    await store.change((change) => change.insertCaller({ ...row, id: over, expiresAtMs: nowMs }, hashOf(over)))
    await store.change((change) =>
      change.insertCaller({ ...row, id: revoked, tenants: ["a','{}", 'b"'], expiresAtMs: null }, hashOf(revoked)),
    )
    const found = async (key: string) => (await store.records.findCallerByKeyHash(hashOf(key))).caller
    expect(await found(revoked)).toMatchObject({ tenants: ["a','{}", 'b"'], expiresAtMs: null })
    const first = await store.change((change) => change.revokeCaller(revoked))
    expect(await store.change((change) => change.revokeCaller(revoked))).toEqual(first)
    expect(await store.change((change) => change.revokeCaller(id('nobody')))).toBeUndefined()
    expect(await found(good)).toEqual(record)
    const position = await store.change((change) => change.appendFeed([{ kind: 'caller', caller: good }]))
    const reading = await store.records.findCallerByKeyHash(hashOf('never made'))
    expect(reading).toEqual({ position, readAtMs: expect.any(Number), caller: undefined })
    expect(reading.readAtMs).toBeGreaterThanOrEqual(first?.revokedAtMs ?? Number.POSITIVE_INFINITY)
    expect(record).toMatchObject({ ...row, expiresAtMs: nowMs + DAY_MS, revokedAtMs: null })
    expect(await found(over)).toBeUndefined()
    expect(await found(revoked)).toBeUndefined()
    expect(await found('never made')).toBeUndefined()
    const listed = await store.records.listCallers({ pageSize: 1000 })
    expect(listed.items.map((caller) => caller.id)).toEqual(expect.arrayContaining(keys))
    const twice = store.change((change) => change.insertCaller({ ...row, id: id('c'), expiresAtMs: null }, hashOf(good)))
    await expect(twice).rejects.toMatchObject({ code: 'store_unavailable' })
  })

  it('says whether a caller is neither revoked nor over, and the policy in force, at the position that a change takes', async () => {
    const { store } = current()
    const [caller, over] = [id('caller'), id('over')]
    const nowMs = await store.change((change) => change.nowMs())
    const row = { name: 'n', scopes: ['decide'], tenants: null } as const
    await store.change((change) => change.insertCaller({ ...row, id: caller, expiresAtMs: nowMs + DAY_MS }, hashOf(caller)))
    await store.change((change) => change.insertCaller({ ...row, id: over, expiresAtMs: nowMs }, hashOf(over)))
    const inForce = async (callerId: string | undefined) => (await store.change((change) => change.readStanding(callerId))).callerInForce
    expect([await inForce(caller), await inForce(over), await inForce(id('nobody')), await inForce(undefined)]).toEqual([
      true,
      false,
      false,
      true,
    ])
    // Who revokes itself does so to the end; whoever comes after finds it revoked.
    await store.change(async (change) => {
      await change.revokeCaller(caller)
      await change.appendFeed([{ kind: 'caller', caller }])
      expect(await change.readStanding(caller)).toMatchObject({ callerInForce: true })
    })
    expect(await inForce(caller)).toBe(false)

    const revision = Buffer.from(hashOf(id('standing'))).toString('hex')
    await store.change((change) => change.insertRevision(revision, '{}', 'test'))
    const position = await activate(store, revision)
    await store.change(async (change) => {
      await change.appendFeed([{ kind: 'user', user: id('user') }])
      expect(await change.readStanding(undefined)).toEqual({ callerInForce: true, policy: { revision, position } })
    })
  })

  it('keeps revisions byte for byte, names the one activated last, and says since which position it is in force', async () => {
    const { store } = current()
    const [one, two] = [hashOf(id('one')), hashOf(id('two'))].map((hash) => Buffer.from(hash).toString('hex'))
    const content = '{"b":1,  "a":"\\u00e9 é ?"}'
    await store.change(async (change) => {
      await change.insertRevision(one ?? '', content, 'directory')
      await change.insertRevision(one ?? '', 'other', 'directory')
      await change.insertRevision(two ?? '', '{}', 'directory')
      await change.appendFeed([{ kind: 'revision', revision: one ?? '' }])
    })
    for (const revision of [two ?? '', one ?? '']) {
      const position = await activate(store, revision)
      expect(await store.change((change) => change.findActiveRevisionName())).toBe(revision)
      expect(await store.access.resolve('t', 'u')).toMatchObject({ position, policyPosition: position })
      expect(await store.access.listHolders('t', [], undefined, 1)).toMatchObject({ position, policyPosition: position })
    }
    expect(await store.records.findRevision(one ?? '')).toBe(content)
    expect(await store.records.findRevision('nobody made it')).toBeUndefined()
    const { items } = await store.records.listRevisions({ pageSize: 1000 })
    expect(items.find((item) => item.revision === one)).toMatchObject({ source: 'directory', activatedAtMs: expect.any(Number) })
  })
}

/** As an activation is made: its history and the feed in one transaction. */
export async function activate(store: Store, revision: string): Promise<number> {
  return await store.change(async (change) => {
    await change.insertRevision(revision, '{}', 'test')
    await change.activateRevision(revision, 'system')
    return await change.appendFeed([{ kind: 'policy', revision }])
  })
}

export function auditContract(current: () => TestStore): void {
  it('lists the audit newest first, by every filter, and for the tenants of a limited caller only', async () => {
    const { store } = current()
    const [here, there, user, actor] = [id('here'), id('there'), id('user'), id('actor')]
    const fields = { actor, user, before: { a: [1, null] }, after: 'text', position: 7, requestId: 'r', reason: 'why', target: 'x' }
    await store.change((change) => change.appendAudit(auditRow({ ...fields, tenant: here, action: 'assignment.grant' })))
    await store.change((change) => change.appendAudit(auditRow({ ...fields, tenant: there, result: 'noop' })))
    await store.change((change) => change.appendAudit(auditRow({ ...fields, tenant: null })))
    const ask = async (filter: object, tenants: readonly string[] | null = null) =>
      (await store.records.listAudit({ actor, ...filter }, tenants, { pageSize: 10 })).items
    const all = await ask({})
    expect(all.map((entry) => entry.tenant)).toEqual([null, there, here])
    expect(all[2]).toMatchObject({ ...fields, tenant: here, action: 'assignment.grant', result: 'applied' })
    expect(await ask({ tenant: there })).toEqual([all[1]])
    expect(await ask({ user, action: 'assignment.grant' })).toEqual([all[2]])
    expect(await ask({}, [here])).toEqual([all[2]])
    expect(await ask({}, [])).toEqual([])
    expect(await ask({ sinceMs: all[2]?.atMs, untilMs: (all[0]?.atMs ?? 0) + 1 })).toEqual(all)
    expect(await ask({ untilMs: all[2]?.atMs })).toEqual([])
    const first = await store.records.listAudit({ actor }, null, { pageSize: 2 })
    const rest = await store.records.listAudit({ actor }, null, { pageSize: 2, pageToken: first.nextPageToken ?? '' })
    expect([...first.items, ...rest.items]).toEqual(all)
  })

  it('refuses to alter, delete or truncate the audit, also for the owner of the database', async () => {
    const { store, database } = current()
    await store.change((change) => change.appendAudit(auditRow()))
    for (const statement of [`update audit_event set actor = 'nobody'`, 'delete from audit_event where id < 0', 'truncate audit_event']) {
      await expect(database.knex.raw(statement)).rejects.toMatchObject({ code: '23001' })
    }
    expect((await store.records.listAudit({}, null, { pageSize: 1 })).items).toHaveLength(1)
  })
}
