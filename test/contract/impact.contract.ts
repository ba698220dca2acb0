/** What every implementation of the bulk reads promises. Roles are each test's own, so a shared store does no harm. */
import { randomUUID } from 'node:crypto'
import { expect, it } from '@jest/globals'
import type { Attributes } from '../../src/model/condition.ts'
import type { HeldSet, HeldSets, LivePair, LivePairs, Store } from '../../src/store/ports.ts'
import { HOSTILE_IDS } from '../support/ids.ts'
import type { TestStore } from '../support/stores.ts'

const HOUR_MS = 3_600_000

interface Row {
  readonly tenant: string
  readonly user: string
  readonly role: string
  /** Milliseconds from now; absent: an hour ago. */
  readonly fromMs?: number
  /** Absent: without end. */
  readonly untilMs?: number
  readonly revoked?: boolean
}

const name = (word: string): string => `${word}-${randomUUID()}`

/** @returns ids of the rows, in their order */
async function grant(store: Store, rows: readonly Row[]): Promise<readonly string[]> {
  return await store.change(async (change) => {
    const nowMs = await change.nowMs()
    const ids: string[] = []
    for (const { tenant, user, role, fromMs = -HOUR_MS, untilMs, revoked } of rows) {
      await change.ensureTenant(tenant)
      await change.ensureUser(user)
      const expiresAtMs = untilMs === undefined ? null : nowMs + untilMs
      const record = { id: randomUUID(), tenant, user, role, validFromMs: nowMs + fromMs, expiresAtMs, reason: null, createdBy: 'test' }
      ids.push((await change.insertAssignment(record)).id)
      if (revoked === true) await change.revokeAssignments([record.id], 'test')
    }
    await change.appendFeed(rows.map(({ tenant, user }) => ({ kind: 'assignment', tenant, user })))
    return ids
  })
}

async function setTenant(store: Store, tenant: string, state: 'active' | 'suspended', attributes: Attributes = {}): Promise<void> {
  await store.change(async (change) => {
    const { record } = await change.ensureTenant(tenant)
    await change.updateTenant({ ...record, state, attributes: { ...attributes } })
  })
}

async function setUser(store: Store, user: string, state: 'active' | 'deactivated', attributes: Attributes = {}): Promise<void> {
  await store.change(async (change) => {
    const { record } = await change.ensureUser(user)
    await change.updateUser({ ...record, state, attributes: { ...attributes } }, null)
  })
}

async function allPairs(store: Store, role: string, limit: number): Promise<readonly LivePair[]> {
  const pairs: LivePair[] = []
  for (let page: LivePairs | undefined; page === undefined || page.pairs.length > 0; ) {
    page = await store.impact.listLivePairs(role, pairs.at(-1), limit)
    expect(page.pairs.length).toBeLessThanOrEqual(limit)
    pairs.push(...page.pairs)
  }
  return pairs
}

const inByteOrder = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))

export function impactContract(current: () => TestStore): void {
  it('pages through every pair of a role once, by tenant and user in byte order, whatever the ids and the page', async () => {
    const { store } = current()
    const role = name('role')
    const ids = HOSTILE_IDS.slice(0, 12)
    await grant(
      store,
      ids.flatMap((tenant) => ids.filter((user) => user !== tenant).map((user) => ({ tenant, user, role }))),
    )
    const wanted = ids
      .toSorted(inByteOrder)
      .flatMap((tenant) => ids.toSorted(inByteOrder).flatMap((user) => (user === tenant ? [] : [[tenant, user]])))
    for (const limit of [7, 50, 1_000]) {
      const pairs = await allPairs(store, role, limit)
      expect(pairs.map((pair) => [pair.tenant, pair.user])).toEqual(wanted)
    }
  })

  it('a pair comes with all its rows in force or to come, of other roles too, and with none that is over or revoked', async () => {
    const { store } = current()
    const [role, other, tenant, user] = [name('role'), name('other'), name('tenant'), name('user')]
    const ids = await grant(store, [
      { tenant, user, role },
      { tenant, user, role, fromMs: HOUR_MS, untilMs: 2 * HOUR_MS },
      { tenant, user, role: other },
      { tenant, user, role: other, fromMs: -2 * HOUR_MS, untilMs: -HOUR_MS },
      { tenant, user, role: other, revoked: true },
      { tenant: name('tenant'), user, role: other },
    ])
    const { pairs } = await store.impact.listLivePairs(role, undefined, 10)
    expect(pairs).toHaveLength(1)
    expect(pairs[0]?.assignments.map((held) => held.id)).toEqual(ids.slice(0, 3).toSorted())
    const { assignments } = await store.access.resolve(tenant, user)
    expect(pairs[0]?.assignments).toEqual(assignments.filter((held) => held.expiresAtMs === null || held.expiresAtMs > Date.now()))
  })

  it('leaves out pairs of whom no row of the role is in force or to come', async () => {
    const { store } = current()
    const [role, tenant] = [name('role'), name('tenant')]
    await grant(store, [
      { tenant, user: 'gone', role, fromMs: -2 * HOUR_MS, untilMs: -HOUR_MS },
      { tenant, user: 'revoked', role, revoked: true },
      { tenant, user: 'other', role: name('other') },
      { tenant, user: 'later', role, fromMs: HOUR_MS },
    ])
    expect((await allPairs(store, role, 1)).map((pair) => pair.user)).toEqual(['later'])
    expect(await store.impact.countLive([role])).toBe(1)
  })

  it('tells states and attributes of both sides, of hostile names too', async () => {
    const { store } = current()
    const [role, open, shut, ann, bob] = [name('role'), name('a-open'), name('b-shut'), name('ann'), name('bob')]
    const attributes = JSON.parse('{"sites":["north"],"__proto__":"x"}') as Attributes
    await grant(store, [
      { tenant: open, user: ann, role },
      { tenant: shut, user: ann, role },
      { tenant: open, user: bob, role },
    ])
    await setTenant(store, open, 'active', attributes)
    await setTenant(store, shut, 'suspended')
    await setUser(store, ann, 'active', attributes)
    await setUser(store, bob, 'deactivated')
    const { pairs } = await store.impact.listLivePairs(role, undefined, 10)
    const told = pairs.map((pair) => [pair.user, pair.userActive, pair.tenant, pair.tenantSuspended])
    expect(told).toEqual([
      [ann, true, open, false],
      [bob, false, open, false],
      [ann, true, shut, true],
    ])
    expect(JSON.stringify([pairs[0]?.userAttributes, pairs[0]?.tenantAttributes])).toBe(JSON.stringify([attributes, attributes]))
    expect([pairs[1]?.userAttributes, pairs[2]?.tenantAttributes]).toEqual([{}, {}])
  })

  it('a page has the position and the time of its read, also an empty one', async () => {
    const { store } = current()
    const before = await store.impact.listLivePairs(name('nobody'), undefined, 10)
    expect(before.pairs).toEqual([])
    const [role, tenant, user] = [name('role'), name('tenant'), name('user')]
    await grant(store, [{ tenant, user, role }])
    const after = await store.impact.listLivePairs(role, undefined, 10)
    expect(after.position).toBeGreaterThan(before.position)
    expect(after.position).toBe((await store.access.resolve(tenant, user)).position)
    expect(after.readAtMs).toBeGreaterThanOrEqual(before.readAtMs)
  })

  it('counts live rows of several roles, and names each role that a live row has', async () => {
    const { store } = current()
    const [role, other, over, revoked, tenant] = [name('role'), name('other'), name('over'), name('revoked'), name('tenant')]
    await grant(store, [
      { tenant, user: 'ann', role },
      { tenant, user: 'ann', role, fromMs: HOUR_MS },
      { tenant, user: 'bob', role: other },
      { tenant, user: 'bob', role: over, fromMs: -2 * HOUR_MS, untilMs: -HOUR_MS },
      { tenant, user: 'bob', role: revoked, revoked: true },
    ])
    expect(await store.impact.countLive([role, other, over, revoked])).toBe(3)
    expect(await store.impact.countLive([])).toBe(0)
    const roles = await store.impact.listLiveRoles()
    expect(roles).toEqual(roles.toSorted(inByteOrder))
    expect([role, other, over, revoked].map((known) => roles.includes(known))).toEqual([true, true, false, false])
  })

  it('names every active account with all roles that it has in force in an active tenant once, however few rows are read at once', async () => {
    const { store } = current()
    const [a, b] = [name('a'), name('b')]
    const [open, shut, ann, bob, eve, left] = [name('open'), name('shut'), name('1-ann'), name('2-bob'), name('3-eve'), name('left')]
    const many = name('4-many')
    await grant(store, [
      { tenant: open, user: ann, role: b },
      { tenant: open, user: ann, role: a },
      { tenant: open, user: ann, role: a, untilMs: HOUR_MS },
      { tenant: open, user: bob, role: a },
      { tenant: open, user: bob, role: b, fromMs: HOUR_MS },
      { tenant: open, user: eve, role: a },
      { tenant: open, user: eve, role: b, revoked: true },
      { tenant: open, user: left, role: a },
      { tenant: shut, user: ann, role: a },
      { tenant: shut, user: eve, role: a, fromMs: HOUR_MS },
      // Wherever the pages begin, the end of one falls between these.
      ...[1, 2, 3, 4].map((one) => ({ tenant: open, user: many, role: `${a}-${one}` })),
    ])
    await setTenant(store, shut, 'suspended')
    await setUser(store, left, 'deactivated')
    for (const rowsMax of [1, 2, 3, 4, 5, 6, 7, 10_000]) {
      const found: HeldSet[] = []
      let page: HeldSets | undefined
      do {
        page = await store.impact.listHeldSets(page?.next, rowsMax)
        found.push(...page.sets)
      } while (page.next !== undefined)
      const ours = found.filter((set) => set.roles.some((role) => role === b || role.startsWith(a)))
      expect([rowsMax, ours]).toEqual([
        rowsMax,
        [
          { user: ann, tenant: open, roles: [a, b] },
          { user: bob, tenant: open, roles: [a] },
          { user: eve, tenant: open, roles: [a] },
          { user: many, tenant: open, roles: [1, 2, 3, 4].map((one) => `${a}-${one}`) },
        ],
      ])
    }
  })
}
