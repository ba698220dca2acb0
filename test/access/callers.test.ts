/** Keys of callers while they rotate: two at most, each known everywhere when it is answered, none handed to who has less. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { hashCallerKey } from '../../src/access/callers.ts'
import type { ChangeContext } from '../../src/model/administration.ts'
import { bundleOf, type House, openHouse } from '../support/house.ts'

let house: House
beforeAll(async () => {
  house = await openHouse(bundleOf({ coder: ['stay.read'] }))
})
afterAll(() => house.close())

const idOf = async (key: string) => (await house.freshness.callers.findByKeyHash(hashCallerKey(key)))?.id
const make = (more: { readonly expiresAtMs?: number; readonly tenants?: readonly string[] } = {}) =>
  house.administration.createCaller(house.context, { name: 'billing', scopes: ['decide', 'audit'], ...more })

describe('rotating the key of a caller', () => {
  it('leaves the present key good for the overlap and no longer', async () => {
    const made = await make()
    const before = Date.now()
    const rotated = await house.administration.rotateCaller(house.context, { callerId: made.record.id, overlapMs: 3_600_000 })
    expect(rotated.previousKeyUntilMs).toBeGreaterThan(before)
    expect([await idOf(made.key), await idOf(rotated.key)]).toEqual([made.record.id, made.record.id])
    const kept = await house.freshness.callers.findByKeyHash(hashCallerKey(made.key))
    expect(kept?.expiresAtMs ?? Number.POSITIVE_INFINITY).toBeLessThanOrEqual(rotated.previousKeyUntilMs + 1_000)
  })

  it('ends the present key at once when it is asked to, also one that was kept in memory', async () => {
    const made = await make()
    expect(await idOf(made.key)).toBe(made.record.id)
    const rotated = await house.administration.rotateCaller(house.context, { callerId: made.record.id, overlapMs: 0 })
    expect([await idOf(made.key), await idOf(rotated.key)]).toEqual([undefined, made.record.id])
  })

  it('keeps two keys at most: the one before the last ends with the next rotation', async () => {
    const made = await make()
    const rotate = () => house.administration.rotateCaller(house.context, { callerId: made.record.id })
    const [second, third] = [await rotate(), await rotate()]
    expect([await idOf(made.key), await idOf(second.key), await idOf(third.key)]).toEqual([undefined, made.record.id, made.record.id])
  })

  it('hands no key to who lacks a scope, a tenant or a time of it', async () => {
    const limited: ChangeContext = { caller: { id: 'l', name: 'l', scopes: ['administer', 'decide'], tenants: null, builtIn: true } }
    const made = await make()
    const rotate = (context: ChangeContext, callerId: string) => house.administration.rotateCaller(context, { callerId })
    await expect(rotate(limited, made.record.id)).rejects.toMatchObject({ code: 'permission_denied' })
    const scopes = ['administer', 'decide', 'audit'] as const
    const north: ChangeContext = { caller: { id: 'n', name: 'n', scopes, tenants: ['north'], builtIn: true } }
    await expect(rotate(north, made.record.id)).rejects.toMatchObject({ code: 'permission_denied' })
    const short: ChangeContext = { caller: { id: 's', name: 's', scopes, tenants: null, expiresAtMs: Date.now() + 60_000, builtIn: true } }
    await expect(rotate(short, made.record.id)).rejects.toMatchObject({ code: 'permission_denied' })
    const own = await make({ tenants: ['north'] })
    expect(await rotate(north, own.record.id)).toMatchObject({ changed: true, effective: true })
  })

  it('is refused for a caller that is revoked or unknown, and audited without a key otherwise', async () => {
    const made = await make()
    const rotated = await house.administration.rotateCaller(house.context, { callerId: made.record.id })
    await house.administration.revokeCaller(house.context, made.record.id)
    await expect(house.administration.rotateCaller(house.context, { callerId: made.record.id })).rejects.toMatchObject({ code: 'conflict' })
    await expect(house.administration.rotateCaller(house.context, { callerId: 'nobody' })).rejects.toMatchObject({ code: 'not_found' })
    const { items } = await house.administration.listAudit(house.admin, { action: 'caller.rotate' }, { pageSize: 100 })
    expect(items.filter((row) => row.target === made.record.id)).toHaveLength(1)
    for (const key of [made.key, rotated.key]) expect(JSON.stringify(items)).not.toContain(key.slice(4))
  })
})
