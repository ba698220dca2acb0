/** Who may call which method of the administration, and where: all methods, by a table that a new one has to enter. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Administration, ChangeContext } from '../../src/model/administration.ts'
import { type Caller, SCOPES, type Scope } from '../../src/model/caller.ts'
import { bundleOf, type House, openHouse } from '../support/house.ts'

const page = { pageSize: 100 }

interface Method {
  /** One of these is enough. */
  readonly scopes: readonly Scope[]
  /** Asks about the tenant south, or about what lies in no tenant. */
  attempt(administration: Administration, context: ChangeContext, ids: Ids): unknown
  /** It answers a caller of one tenant, with no more than what is theirs or what belongs to no tenant. */
  readonly answersLimited?: true
}
interface Ids {
  readonly assignment: string
  readonly caller: string
  readonly administrator: string
}

const POLICY_READERS: readonly Scope[] = ['administer', 'publish', 'audit']
const METHODS: Readonly<Record<keyof Administration, Method>> = {
  putTenant: { scopes: ['administer'], attempt: (a, c) => a.putTenant(c, { tenant: 'south', displayName: 'South' }) },
  getTenant: { scopes: ['administer'], attempt: (a, c) => a.getTenant(c.caller, 'south') },
  listTenants: { scopes: ['administer'], attempt: (a, c) => a.listTenants(c.caller, page), answersLimited: true },
  suspendTenant: { scopes: ['administer'], attempt: (a, c) => a.suspendTenant(c, 'south') },
  resumeTenant: { scopes: ['administer'], attempt: (a, c) => a.resumeTenant(c, 'south') },
  putUser: { scopes: ['administer'], attempt: (a, c) => a.putUser(c, { user: 'sue', displayName: 'Sue' }) },
  getUser: { scopes: ['administer'], attempt: (a, c) => a.getUser(c.caller, 'sue') },
  listUsers: { scopes: ['administer'], attempt: (a, c) => a.listUsers(c.caller, page) },
  deactivateUser: { scopes: ['administer'], attempt: (a, c) => a.deactivateUser(c, 'sue') },
  reactivateUser: { scopes: ['administer'], attempt: (a, c) => a.reactivateUser(c, 'sue') },
  grant: { scopes: ['administer'], attempt: (a, c) => a.grant(c, { tenant: 'south', user: 'sue', role: 'reader' }) },
  revoke: { scopes: ['administer'], attempt: (a, c, ids) => a.revoke(c, 'south', 'sue', ids.assignment) },
  revokeRole: { scopes: ['administer'], attempt: (a, c) => a.revokeRole(c, 'south', 'sue', 'reader') },
  listAssignments: { scopes: ['administer'], attempt: (a, c) => a.listAssignments(c.caller, 'south', 'sue', true, page) },
  createCaller: { scopes: ['administer'], attempt: (a, c) => a.createCaller(c, { name: 'all', scopes: ['administer'] }) },
  rotateCaller: { scopes: ['administer'], attempt: (a, c, ids) => a.rotateCaller(c, { callerId: ids.administrator }) },
  revokeCaller: { scopes: ['administer'], attempt: (a, c, ids) => a.revokeCaller(c, ids.caller) },
  listCallers: { scopes: ['administer'], attempt: (a, c) => a.listCallers(c.caller, page) },
  listAudit: { scopes: ['audit'], attempt: (a, c) => a.listAudit(c.caller, { tenant: 'south' }, page) },
  policyStatus: { scopes: POLICY_READERS, attempt: (a, c) => a.policyStatus(c.caller), answersLimited: true },
  listRevisions: { scopes: POLICY_READERS, attempt: (a, c) => a.listRevisions(c.caller, page), answersLimited: true },
}
const methods = Object.entries(METHODS)

describe('the guard of the administration', () => {
  let house: House
  let ids: Ids
  const ofNorth: Caller = { id: 'c-north', name: 'north', scopes: SCOPES, tenants: ['north'], builtIn: true }
  const asNorth: ChangeContext = { caller: ofNorth, reason: 'test' }
  const withScopes = (scopes: readonly Scope[]): ChangeContext => ({
    caller: { id: 'c', name: 'c', scopes, tenants: null, builtIn: true },
    reason: 'test',
  })
  // policyStatus throws at once, the others reject.
  const attempt = async (method: Method, context: ChangeContext) => method.attempt(house.administration, context, ids)
  const everything = async () => ({
    audit: (await house.administration.listAudit(house.admin, {}, { pageSize: 1_000 })).items,
    position: (await house.check('sue', 'south', 'stay.read')).position,
  })

  beforeAll(async () => {
    house = await openHouse(bundleOf({ coder: ['stay.read'], reader: ['stay.list'] }))
    const { administration, context } = house
    for (const tenant of ['east', 'north', 'south', 'west']) await administration.grant(context, { tenant, user: 'sue', role: 'coder' })
    const { record } = await administration.grant(context, { tenant: 'south', user: 'sue', role: 'reader' })
    const { record: caller } = await administration.createCaller(context, { name: 'both', scopes: ['decide'], tenants: ['north', 'south'] })
    const tenants = ['north', 'south']
    const { record: administrator } = await administration.createCaller(context, { name: 'admin', scopes: ['administer'], tenants })
    ids = { assignment: record.id, caller: caller.id, administrator: administrator.id }
  })
  afterAll(() => house.close())

  it.each(methods)('keeps out of %s a caller that has every scope but the one that it needs, and leaves no trace', async (_, method) => {
    const before = await everything()
    const lacking = withScopes(SCOPES.filter((scope) => !method.scopes.includes(scope)))
    await expect(attempt(method, lacking)).rejects.toMatchObject({ code: 'permission_denied' })
    expect(await everything()).toEqual(before)
  })

  it.each(methods.filter(([, method]) => method.answersLimited === undefined))(
    'keeps out of %s elsewhere a caller of one tenant that has every scope, and leaves no trace',
    async (_, method) => {
      const before = await everything()
      await expect(attempt(method, asNorth)).rejects.toMatchObject({ code: 'permission_denied' })
      expect(await everything()).toEqual(before)
    },
  )

  it('answers not_found for an assignment of another tenant, of another user, or in their own tenant under a wrong path, and leaves it', async () => {
    const { administration } = house
    await expect(administration.revoke(asNorth, 'north', 'sue', ids.assignment)).rejects.toMatchObject({ code: 'not_found' })
    await expect(administration.revoke(house.context, 'north', 'sue', ids.assignment)).rejects.toMatchObject({ code: 'not_found' })
    await expect(administration.revoke(house.context, 'south', 'ann', ids.assignment)).rejects.toMatchObject({ code: 'not_found' })
    expect(await house.check('sue', 'south', 'stay.list')).toMatchObject({ allowed: true, via: ['reader'] })
  })

  it('lets nobody revoke a caller that reaches further than they do', async () => {
    const { administration } = house
    const { record: all } = await administration.createCaller(house.context, { name: 'all tenants', scopes: ['decide'] })
    const { record: own } = await administration.createCaller(house.context, { name: 'own', scopes: ['decide'], tenants: ['north'] })
    for (const id of [ids.caller, all.id]) {
      await expect(administration.revokeCaller(asNorth, id)).rejects.toMatchObject({ code: 'permission_denied' })
    }
    const { items } = await administration.listCallers(house.admin, page)
    expect(items.filter((caller) => caller.revokedAtMs !== null)).toEqual([])
    expect(await administration.revokeCaller(asNorth, own.id)).toMatchObject({ changed: true })
  })

  it('shows a caller of some tenants these alone, on full pages, and no page after the last of them', async () => {
    const caller: Caller = { ...ofNorth, tenants: ['north', 'south'] }
    const pages = []
    let pageToken: string | undefined
    do {
      const found = await house.administration.listTenants(caller, { pageSize: 1, ...(pageToken === undefined ? {} : { pageToken }) })
      pages.push(found.items.map((tenant) => tenant.id))
      pageToken = found.nextPageToken
    } while (pageToken !== undefined)
    // East comes before them and west after: a page cut before the filter would be empty, or its token would name one of those.
    expect(pages).toEqual([['north'], ['south']])
    expect((await house.administration.listTenants({ ...ofNorth, tenants: [] }, page)).items).toEqual([])
  })

  it('shows a caller of one tenant the audit of this tenant alone', async () => {
    const seen = (await house.administration.listAudit(ofNorth, {}, page)).items
    const all = (await house.administration.listAudit(house.admin, {}, { pageSize: 1_000 })).items
    expect(seen.length).toBeGreaterThan(0)
    expect(seen).toEqual(all.filter((row) => row.tenant === 'north'))
    expect((await house.administration.listAudit(ofNorth, { user: 'sue' }, page)).items.filter((row) => row.tenant !== 'north')).toEqual([])
  })

  it('lets a caller that ends make only callers that end no later', async () => {
    const endMs = Date.now() + 3_600_000
    const context: ChangeContext = { caller: { ...house.admin, expiresAtMs: endMs } }
    const create = (expiresAtMs?: number) =>
      house.administration.createCaller(context, {
        name: 'heir',
        scopes: ['decide'],
        ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
      })
    await expect(create()).rejects.toMatchObject({ code: 'permission_denied' })
    await expect(create(endMs + 1)).rejects.toMatchObject({ code: 'permission_denied' })
    expect(await create(endMs)).toMatchObject({ changed: true, record: { expiresAtMs: endMs } })
  })

  // Last: these change things.
  it.each(methods)('lets into %s a caller of all tenants that has only what it needs', async (_, method) => {
    for (const scope of method.scopes) await attempt(method, withScopes([scope]))
  })
})
