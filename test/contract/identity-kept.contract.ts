/** What every implementation of the store promises of what outlives a login: applications, keys, index, revocations, and what is removed. */
import { randomBytes, randomUUID } from 'node:crypto'
import { expect, it } from '@jest/globals'
import { IDENTITY_KEPT_MS, REVOCATIONS_KEPT_MS } from '../../src/model/identity-limits.ts'
import type { TestStore } from '../support/stores.ts'
import {
  age,
  challengeOf,
  DAY_MS,
  hashOf,
  openSession,
  sentChallenge,
  somebody,
  theChallenge,
  theSession,
  within,
  word,
} from './identity-rows.ts'

export function clientContract(current: () => TestStore): void {
  it('keeps applications with their redirects, byte by byte, and the first revocation', async () => {
    const client = { id: word('client'), name: 'Ward', redirectUris: ['https://a.example/{x},"y"', 'http://127.0.0.1/\\'] }
    const made = await within(current(), (identity) => identity.insertClient(client))
    expect(made).toMatchObject({ ...client, revokedAtMs: null })
    const changed = await within(current(), (identity) => identity.updateClient({ ...client, name: 'Two', redirectUris: [] }))
    expect(changed).toEqual({ ...made, name: 'Two', redirectUris: [] })
    const revoked = await within(current(), (identity) => identity.revokeClient(client.id))
    expect(revoked?.revokedAtMs).toEqual(expect.any(Number))
    expect(await within(current(), (identity) => identity.revokeClient(client.id))).toEqual(revoked)
    expect(await within(current(), (identity) => identity.findClient(client.id))).toEqual(revoked)
    expect(await current().store.identity.findClient(client.id)).toEqual(revoked)
    const token = Buffer.from(client.id.slice(0, -1)).toString('base64url')
    expect((await current().store.identity.listClients({ pageSize: 1, pageToken: token })).items).toEqual([revoked])
  })

  it('offers the tenants in which somebody may work now: each once, by id', async () => {
    const { user } = await somebody(current())
    const base = word('tenant')
    const names = ['b', 'a', 'suspended', 'revoked', 'over', 'to-come'].map((name) => `${base}-${name}`)
    await within(current(), async (_identity, change) => {
      const nowMs = await change.nowMs()
      const grant = async (tenant: string, validFromMs: number, expiresAtMs: number | null) => {
        await change.ensureTenant(tenant)
        const row = { id: randomUUID(), tenant, user, role: 'r', validFromMs, expiresAtMs, reason: null, createdBy: 'test' }
        return await change.insertAssignment(row)
      }
      const [b = '', a = '', suspended = '', revoked = '', over = '', toCome = ''] = names
      for (const tenant of [b, a, a, suspended]) await grant(tenant, nowMs - DAY_MS, null)
      await grant(over, nowMs - DAY_MS, nowMs - 1)
      await grant(toCome, nowMs + DAY_MS, null)
      await change.revokeAssignments([(await grant(revoked, nowMs - DAY_MS, null)).id], 'boss')
      const { record } = await change.ensureTenant(suspended)
      await change.updateTenant({ ...record, state: 'suspended' })
    })
    const tenants = await current().store.identity.listTenantsOf(user)
    expect(tenants.map((tenant) => tenant.id)).toEqual([`${base}-a`, `${base}-b`])
  })

  it('lets a caller in by its key and, until its end, by the one before: and says then when that is over', async () => {
    const id = word('caller')
    const keys = [hashOf(`${id}-1`), hashOf(`${id}-2`), hashOf(`${id}-3`)] as const
    const { records, identity: reader } = current().store
    const row = { id, name: 'Ward', scopes: ['decide'] as const, tenants: null, expiresAtMs: Date.now() + 400 * DAY_MS }
    const made = await within(current(), (_identity, change) => change.insertCaller(row, keys[0]))
    const rotate = (key: Uint8Array, keptMs: number) => within(current(), (identity) => identity.rotateCallerKey(id, key, keptMs))
    await rotate(keys[1], DAY_MS)
    expect((await records.findCallerByKeyHash(keys[1])).caller).toEqual(made)
    const byOld = await records.findCallerByKeyHash(keys[0])
    expect(byOld.caller).toMatchObject({ id })
    const leftMs = (byOld.caller?.expiresAtMs ?? 0) - byOld.readAtMs
    expect(leftMs).toBeGreaterThan(DAY_MS - 60_000)
    expect(leftMs).toBeLessThanOrEqual(DAY_MS)
    expect((await reader.findCallerById(id)).caller).toEqual(made)
    await rotate(keys[2], 500 * DAY_MS)
    expect((await records.findCallerByKeyHash(keys[0])).caller).toBeUndefined()
    expect((await records.findCallerByKeyHash(keys[1])).caller).toEqual(made)
    await current()
      .database.knex('caller')
      .where({ id })
      .update({ previous_key_until: new Date(Date.now() - 1).toISOString() })
    expect((await records.findCallerByKeyHash(keys[1])).caller).toBeUndefined()
    await rotate(keys[0], DAY_MS)
    await within(current(), (_identity, change) => change.revokeCaller(id))
    for (const key of keys) expect((await records.findCallerByKeyHash(key)).caller).toBeUndefined()
    expect((await reader.findCallerById(id)).caller).toBeUndefined()
    await expect(rotate(hashOf('x'), 1)).rejects.toMatchObject({ code: 'store_unavailable' })
  })

  it('knows nobody by id who is over', async () => {
    const row = { id: word('caller'), name: 'Ward', scopes: [], tenants: null, expiresAtMs: Date.now() - DAY_MS }
    await within(current(), (_identity, change) => change.insertCaller(row, hashOf(row.id)))
    expect((await current().store.identity.findCallerById(row.id)).caller).toBeUndefined()
  })
}

export function keyContract(current: () => TestStore): void {
  it('moves a key from next to current to previous to retired, never back, and forgets its private part', async () => {
    const [first, second] = [word('k'), word('k')]
    const { identity: reader } = current().store
    const add = (kid: string, state: 'next' | 'current') =>
      within(current(), (identity) => {
        const publicJwk = { kty: 'EC', x: 'é"' }
        return identity.insertKey({ kid, algorithm: 'ES256', publicJwk, sealed: randomBytes(99), sealedBy: 'one', state })
      })
    const move = (...args: Parameters<Parameters<Parameters<typeof within>[1]>[0]['setKeyState']>) =>
      within(current(), (identity) => identity.setKeyState(...args))
    await add(first, 'current')
    await add(second, 'next')
    await expect(add(word('k'), 'next')).rejects.toMatchObject({ code: 'store_unavailable' })
    await expect(move(second, 'current')).rejects.toMatchObject({ code: 'store_unavailable' })
    await expect(move(second, 'previous', 1)).rejects.toMatchObject({ code: 'store_unavailable' })
    await expect(move(first, 'previous')).rejects.toMatchObject({ code: 'store_unavailable' })
    await within(current(), async (identity) => {
      await identity.lockKeys()
      await identity.setKeyState(first, 'previous', 60_000)
      await identity.setKeyState(second, 'current')
      await identity.resealKey(second, randomBytes(7), 'two')
    })
    await expect(move(first, 'current')).rejects.toMatchObject({ code: 'store_unavailable' })
    const reading = await reader.findKeys()
    expect(reading.keys.map((key) => [key.kid, key.state, key.activatedAtMs !== null])).toEqual([
      [first, 'previous', true],
      [second, 'current', true],
    ])
    expect(reading.keys[0]?.publicJwk).toEqual({ kty: 'EC', x: 'é"' })
    expect(JSON.stringify(reading)).not.toMatch(/seal/)
    const sealed = await within(current(), (identity) => identity.listSealedKeys())
    expect(await reader.listSealedKeys()).toEqual(sealed)
    expect(sealed.map(({ sealed: part, sealedBy, ...key }) => [key, part?.length, sealedBy])).toEqual([
      [reading.keys[0], 99, 'one'],
      [reading.keys[1], 7, 'two'],
    ])
    // On the database's clock: nobody has to retire it for that.
    await current()
      .database.knex('signing_key')
      .where({ kid: first })
      .update({ retires_at: new Date(Date.now() - 1).toISOString() })
    expect((await reader.findKeys()).keys.map((key) => key.kid)).toEqual([second])
    expect((await reader.listSealedKeys()).map((key) => key.kid)).toEqual([first, second])
    for (const kid of [first, second]) await move(kid, 'retired')
    await expect(move(first, 'retired')).rejects.toMatchObject({ code: 'store_unavailable' })
    expect([(await reader.findKeys()).keys, await reader.listSealedKeys()]).toEqual([[], []])
    const kept: readonly { sealed: unknown }[] = await current().database.knex('signing_key').whereIn('kid', [first, second])
    expect(kept.map((row) => row.sealed)).toEqual([null, null])
  })

  it('adds to the index of permissions what is not in it, each once, and moves nothing', async () => {
    const base = word('p')
    const entry = (name: string, code = name) => ({ name: `${base}.${name}`, code })
    const extend = (...names: string[]) => within(current(), (identity) => identity.extendPermissionIndex(names.map((name) => entry(name))))
    const before = await current().store.identity.listPermissionIndex()
    const first = await extend('a', 'b', 'a')
    expect(first).toEqual([...before, { bit: before.length, ...entry('a') }, { bit: before.length + 1, ...entry('b') }])
    expect(await extend('b', 'c', 'a')).toEqual([...first, { bit: before.length + 2, ...entry('c') }])
    const renamed = await within(current(), (identity) => identity.extendPermissionIndex([entry('a', 'other')]))
    expect(renamed.at(-1)).toEqual({ bit: before.length + 3, ...entry('a', 'other') })
    await expect(
      within(current(), async (identity) => {
        await identity.extendPermissionIndex([entry('lost')])
        throw new Error('rolled back')
      }),
    ).rejects.toThrow()
    expect((await extend('d')).at(-1)).toEqual({ bit: before.length + 4, ...entry('d') })
    expect(await current().store.identity.listPermissionIndex()).toHaveLength(before.length + 5)
  })
}

export function revocationContract(current: () => TestStore): void {
  it('tells revocations in the order of the feed, whole positions, with the head of the same snapshot', async () => {
    const person = await somebody(current())
    const sessionId = randomUUID()
    const revoke = (...rows: { sessionId?: string; epoch?: number }[]) =>
      within(current(), async (identity, change) => {
        const position = await change.appendFeed([{ kind: 'user', user: person.user }])
        await identity.insertRevocations(
          position,
          rows.map((row) => ({ user: person.user, ...row })),
        )
        return position
      })
    const since = await within(current(), (_identity, change) => change.readPosition())
    const [one, two] = [await revoke({ sessionId }, { epoch: 3 }, { sessionId }), await revoke({ epoch: 4 })]
    const { identity } = current().store
    const all = await identity.listRevocations(since, 10)
    expect(all.position).toBe(two)
    const row = { user: person.user, atMs: expect.any(Number) }
    expect(all.revocations).toEqual([
      { ...row, position: one, sessionId },
      { ...row, position: one, epoch: 3 },
      { ...row, position: one, sessionId },
      { ...row, position: two, epoch: 4 },
    ])
    expect((await identity.listRevocations(since, 1)).revocations).toEqual(all.revocations.slice(0, 3))
    expect((await identity.listRevocations(one, 1)).revocations).toEqual(all.revocations.slice(3))
    expect((await identity.listRevocations(two, 10)).revocations).toEqual([])
    await within(current(), (identity) => identity.insertRevocations(two + 1, []))
    expect((await identity.listRevocations(two, 10)).revocations).toEqual([])
    await expect(within(current(), (identity) => identity.insertRevocations(1, [{ user: 'u' }]))).rejects.toMatchObject({
      code: 'store_unavailable',
    })
  })

  it('removes what is long over and leaves what is live, what has just ended, and the session of a challenge', async () => {
    const person = await somebody(current())
    const sessions = { live: 0, revoked: 0, idle: 0, over: 0, justOver: 0 }
    const ids = Object.fromEntries(
      await Promise.all(Object.keys(sessions).map(async (name) => [name, (await openSession(current(), person)).id] as const)),
    )
    const [live = '', revoked = '', idle = '', over = '', justOver = ''] = Object.values(ids)
    await within(current(), (identity) => identity.revokeSessions({ loginId: revoked }, 'logout'))
    await age(current(), 'login_session', live, 13 * DAY_MS)
    await age(current(), 'login_session', revoked, IDENTITY_KEPT_MS + 1)
    await age(current(), 'login_session', idle, 14 * DAY_MS + IDENTITY_KEPT_MS + 1)
    await age(current(), 'login_session', over, 30 * DAY_MS + IDENTITY_KEPT_MS + 1)
    await age(current(), 'login_session', justOver, 14 * DAY_MS + IDENTITY_KEPT_MS - 60_000)
    const [open, gone, unsent] = [
      await sentChallenge(current(), person),
      await sentChallenge(current(), person),
      await within(current(), (identity) => identity.insertChallenge(challengeOf(person))),
    ]
    await within(current(), (identity) => identity.consumeChallenge(open.id, undefined, over))
    await age(current(), 'login_challenge', gone.id, IDENTITY_KEPT_MS + 600_001)
    await age(current(), 'login_challenge', unsent.id, 600_001)
    const [old, recent] = await within(current(), async (identity, change) => {
      const position = await change.appendFeed([{ kind: 'user', user: person.user }])
      await identity.insertRevocations(position, [
        { user: person.user, epoch: 1 },
        { user: person.user, epoch: 2 },
      ])
      return [position, position] as const
    })
    await current()
      .database.knex('revocation')
      .where({ position: old, ordinal: 0 })
      .update({ at: new Date(Date.now() - REVOCATIONS_KEPT_MS - 60_000).toISOString() })
    expect(await current().store.identity.prune()).toBe(false)
    const left = await Promise.all([live, revoked, idle, over, justOver].map(async (id) => (await theSession(current(), id)) !== undefined))
    expect(left).toEqual([true, false, false, false, true])
    expect(await theChallenge(current(), open.id)).toMatchObject({ sessionId: null, consumedAtMs: expect.any(Number) })
    expect(await current().store.identity.findChallenge(gone.id)).toBeUndefined()
    expect(await theChallenge(current(), unsent.id)).toMatchObject({ mailState: 'failed' })
    expect((await current().store.identity.listRevocations(recent - 1, 10)).revocations).toMatchObject([{ epoch: 2 }])
  })

  it('removes a bounded number at once and says that there is more', async () => {
    await current().database.knex.raw(
      `insert into revocation (position, ordinal, user_id, epoch, at) select 1, n, 'u', 1, now() - interval '1 year' from generate_series(1, 1001) n`,
    )
    const left = async (): Promise<number> => (await current().database.knex('revocation').where({ position: 1 })).length
    const { identity } = current().store
    expect([await identity.prune(), await left()]).toEqual([true, 1])
    expect([await identity.prune(), await left()]).toEqual([false, 0])
  })
}
