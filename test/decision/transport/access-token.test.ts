import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { endSession } from '../../../src/access/sessions.ts'
import type { SessionRecord } from '../../../src/model/identity.ts'
import { PRESENTED_TOKEN_CHARACTERS_MAX } from '../../../src/model/identity-limits.ts'
import { type House, openHouse } from '../../support/house.ts'
import { openKeyPair } from '../../token/tokens.ts'
import { closed, FORM_NAMES, fieldsOf, openTokenForms, READ, type TokenForms } from './token-forms.ts'
import { openTokenWires, type TokenWires, times, withTokens } from './token-wires.ts'
import { ask, type Client, call, decisionClient, openWires, type Wires } from './wires.ts'

let wires: TokenWires
let client: Client
let asking: TokenForms

beforeAll(async () => {
  wires = await openTokenWires()
  client = decisionClient(wires.grpc.port)
  asking = openTokenForms(wires, client)
}, 300_000)
afterAll(async () => {
  client.close()
  await wires.close()
})

const inForm: TokenForms['inForm'] = (form, subject, key) => asking.inForm(form, subject, key)
const http: TokenForms['http'] = (path, body, key) => asking.http(path, body, key)
const token = async (user = 'ann', part = {}) => await wires.tokenOf(await wires.begin(user, part))
const end = async (house: House, { id, user }: SessionRecord) => {
  const { position } = await endSession(house, house.context, user, id)
  house.freshness.acknowledgement.announce()
  await house.freshness.acknowledgement.effective(position)
}

describe('an access token in place of user and tenant', () => {
  it.each(FORM_NAMES)('is answered as the names it stands for: %s', async (form) => {
    const allowed = form.includes('Permissions') ? { allowed: true } : { allowed: true, reason: 'ROLE', via: ['coder'] }
    expect(await inForm(form, { accessToken: await token() })).toMatchObject(allowed)
    const nobody = await wires.tokenOf(await wires.begin('bob', { tenant: 'south' }))
    expect(await inForm(form, { accessToken: nobody })).toMatchObject({
      allowed: false,
      ...(form.includes('Permissions') ? {} : { reason: 'NO_ASSIGNMENT' }),
    })
  })

  it.each(FORM_NAMES)('that is for no tenant is joined by one, and needs it: %s', async (form) => {
    const accessToken = await token('ann', { tenant: null })
    expect(await inForm(form, { accessToken, tenant: 'north' })).toMatchObject({ allowed: true })
    await expect(inForm(form, { accessToken })).rejects.toEqual({ code: 'request_invalid', fields: ['tenant'] })
    await expect(inForm(form, { accessToken: await token(), tenant: 'north' })).rejects.toEqual({
      code: 'request_invalid',
      fields: ['tenant'],
    })
  })

  it.each(FORM_NAMES)('beside a user is a fault of the request, as is one that is no text of a bounded length: %s', async (form) => {
    const accessToken = await token()
    await expect(inForm(form, { accessToken, user: 'ann' })).rejects.toEqual({ code: 'request_invalid', fields: ['user'] })
    await expect(inForm(form, { accessToken, user: 'ann', tenant: 'north' })).rejects.toMatchObject({ code: 'request_invalid' })
    const long = 'a'.repeat(PRESENTED_TOKEN_CHARACTERS_MAX + 1)
    for (const wrong of form.startsWith('HTTP') ? [long, '', 7, null, {}, [accessToken]] : [long])
      await expect(inForm(form, { accessToken: wrong })).rejects.toEqual({ code: 'request_invalid', fields: ['accessToken'] })
  })

  it('stands in for the items of a batch that name nobody, and no item is mixed of two', async () => {
    const [ann, bob] = [await token('ann'), await token('bob')]
    const body = {
      accessToken: ann,
      items: [
        { permission: 'coding.medical-stay.validate' },
        { permission: 'coding.medical-stay.validate', accessToken: bob },
        { permission: 'coding.medical-stay.validate', user: 'bob', tenant: 'north' },
        { permission: 'coding.medical-stay.validate', user: 'bob' },
        { permission: 'coding.medical-stay.validate', user: 'ann', accessToken: ann },
      ],
    }
    const { items } = await http('/v1/check/batch', body)
    expect(items.map((one: Client) => one.decision?.reason ?? fieldsOf(one.error.violations))).toEqual([
      'ROLE',
      'ROLE_LACKS_PERMISSION',
      'ROLE_LACKS_PERMISSION',
      ['items[3].tenant'],
      ['items[4].user'],
    ])
    const named = await http('/v1/check/batch', {
      user: 'bob',
      tenant: 'south',
      items: [{ permission: READ, accessToken: ann }, { permission: READ }],
    })
    expect(named.items.map((one: Client) => one.decision.reason)).toEqual(['ROLE', 'NO_ASSIGNMENT'])
  })

  it.each(FORM_NAMES)('that is not ours proves nobody: %s', async (form) => {
    const session = await wires.begin('ann')
    const good = await wires.tokenOf(session)
    const stranger = await openKeyPair()
    const wrong = [
      'x',
      `${good}x`,
      good.slice(0, -4),
      wires.keys.decide,
      await wires.tokenOf(session, {}, stranger.key),
      await wires.tokenOf(session, {}, { ...stranger.key, kid: wires.key.kid }),
      await wires.tokenOf(session, { iss: 'https://evil.example' }),
      await wires.tokenOf(session, { aud: 'other' }),
      // A service is nobody that may do anything in a tenant.
      await wires.serviceToken({ sub: 'ann', client_id: 'ann' }),
    ]
    for (const accessToken of wrong) expect(await inForm(form, { accessToken })).toMatchObject(closed(form, 'TOKEN_INVALID'))
  })

  it.each(FORM_NAMES)('that is over, or whose session ended or is not the one it names, is a deny that says so: %s', async (form) => {
    const session = await wires.begin('ann')
    const { iat } = times(0)
    const expired = await wires.tokenOf(session, { iat: iat - 400, exp: iat - 31 })
    expect(await inForm(form, { accessToken: expired })).toMatchObject(closed(form, 'TOKEN_EXPIRED'))
    const other = await wires.begin('bob')
    const revoked = [
      await wires.tokenOf(session, { sid: randomUUID() }),
      await wires.tokenOf(session, { sid: other.id }),
      await wires.tokenOf(session, { client_id: 'other' }),
      await wires.tokenOf(session, { epoch: 1 }),
      await wires.tokenOf(session, { tid: 'south' }),
      // The account has this epoch, and the session began under another one.
      await wires.tokenOf(await wires.begin('ann', { epoch: 7 }), { epoch: 0 }),
      await wires.tokenOf(await wires.begin('ann', { epoch: 7 })),
      await wires.tokenOf(await wires.begin('ann', { idleMs: 0 })),
    ]
    for (const accessToken of revoked) expect(await inForm(form, { accessToken })).toMatchObject(closed(form, 'TOKEN_REVOKED'))
    const accessToken = await wires.tokenOf(session)
    expect(await inForm(form, { accessToken })).toMatchObject({ allowed: true })
    await end(wires.house, session)
    expect(await inForm(form, { accessToken })).toMatchObject(closed(form, 'TOKEN_REVOKED'))
  })

  it('tells of the account and the tenant first, and after a reactivation stays refused', async () => {
    const { house } = wires
    await house.administration.grant(house.context, { tenant: 'east', user: 'eve', role: 'reader' })
    const accessToken = await token('eve', { tenant: 'east' })
    const reason = async () => (await inForm('HTTP Check', { accessToken })).reason
    expect(await reason()).toBe('ROLE')
    await house.administration.suspendTenant(house.context, 'east')
    expect(await reason()).toBe('TENANT_SUSPENDED')
    await house.administration.deactivateUser(house.context, 'eve')
    expect(await reason()).toBe('TENANT_SUSPENDED')
    await house.administration.resumeTenant(house.context, 'east')
    expect(await reason()).toBe('ACCOUNT_DEACTIVATED')
    await house.administration.reactivateUser(house.context, 'eve')
    expect(await reason()).toBe('TOKEN_REVOKED')
    const again = await wires.begin('eve', { tenant: 'east', epoch: (await house.store.records.findUser('eve'))?.epoch ?? 0 })
    expect(await inForm('HTTP Check', { accessToken: await wires.tokenOf(again) })).toMatchObject({ reason: 'ROLE' })
  })

  it.each(['HTTP CheckPermissions', 'gRPC CheckPermissions'])(
    'says why none of many is allowed, and nothing where it is the permission: %s',
    async (form) => {
      const { house } = wires
      const gil = `gil-${form.slice(0, 4)}`
      await house.administration.putUser(house.context, { user: gil })
      const accessToken = await token(gil)
      expect(await inForm(form, { accessToken })).toEqual({ allowed: false })
      expect(await inForm(form, { accessToken: await token() })).toEqual({ allowed: true })
      expect(await inForm(form, { user: 'nobody', tenant: 'north' })).toEqual({ allowed: false, denied: 'UNKNOWN_USER' })
      expect(await inForm(form, { user: 'ann', tenant: 'nowhere' })).toEqual({ allowed: false, denied: 'UNKNOWN_TENANT' })
      await house.administration.deactivateUser(house.context, gil)
      expect(await inForm(form, { accessToken })).toEqual({ allowed: false, denied: 'ACCOUNT_DEACTIVATED' })
      await house.administration.reactivateUser(house.context, gil)
      expect(await inForm(form, { accessToken })).toEqual({ allowed: false, denied: 'TOKEN_REVOKED' })
      expect(await inForm(form, { user: gil, tenant: 'north' })).toEqual({ allowed: false })
      await house.administration.suspendTenant(house.context, 'south')
      expect(await inForm(form, { user: gil, tenant: 'south' })).toEqual({ allowed: false, denied: 'TENANT_SUSPENDED' })
      await house.administration.resumeTenant(house.context, 'south')
    },
  )

  it.each(FORM_NAMES)('does not lead a caller that is limited to tenants out of them: %s', async (form) => {
    expect(await inForm(form, { accessToken: await token() }, wires.keys.limited)).toMatchObject({ allowed: true })
    const south = await token('ann', { tenant: 'south' })
    await expect(inForm(form, { accessToken: south }, wires.keys.limited)).rejects.toMatchObject({ code: 'permission_denied' })
    const none = await token('ann', { tenant: null })
    await expect(inForm(form, { accessToken: none, tenant: 'south' }, wires.keys.limited)).rejects.toMatchObject({
      code: 'permission_denied',
    })
    expect(await inForm(form, { accessToken: none, tenant: 'north' }, wires.keys.limited)).toMatchObject({ allowed: true })
  })

  it('explains nothing of a person that it does not prove', async () => {
    const explained = await http('/v1/explain', { accessToken: 'x', permission: READ })
    expect(explained).toEqual({
      decision: expect.objectContaining({ reason: 'TOKEN_INVALID' }),
      tenantState: 'UNKNOWN',
      accountState: 'UNKNOWN',
      tried: [],
    })
  })

  it('is in no answer and no log', async () => {
    const accessToken = await token()
    const [header, , signature] = accessToken.split('.')
    const answers = [
      await call(wires, 'POST', '/v1/check', { accessToken, permission: READ }, wires.keys.decide),
      await call(wires, 'POST', '/v1/check', { accessToken, user: 'ann', permission: READ }, wires.keys.decide),
      await call(wires, 'POST', '/v1/explain', { accessToken, permission: READ, tenant: 'north' }, wires.keys.decide),
      await call(wires, 'POST', '/v1/check/batch', { items: [{ accessToken, permission: READ, user: 'x' }] }, wires.keys.decide),
    ]
    const seen = JSON.stringify([answers, wires.logged, await wires.metrics.text()])
    expect(seen).not.toContain(signature)
    expect(seen).not.toContain(header)
  })
})

describe('an end of a session that was acknowledged', () => {
  it('is seen by the very next check on another replica, whatever that has in memory, alone and in a batch', async () => {
    const { house } = wires
    const replica = await openHouse(undefined, house.database)
    try {
      const other = withTokens(wires.needs, replica).decisions
      const signal = new AbortController().signal
      const heldTo = { tenants: null }
      for (let round = 0; round < 20; round++) {
        const session = await wires.begin('ann')
        const question = { accessToken: await wires.tokenOf(session), heldTo, permission: READ }
        expect(await other.check(question, signal)).toMatchObject({ allowed: true })
        expect(await other.check(question, signal)).toMatchObject({ allowed: true })
        await end(house, session)
        const batch = other.checkBatch([question, { user: 'ann', tenant: 'north', permission: READ }], signal)
        expect(await other.check(question, signal)).toMatchObject({ reason: 'TOKEN_REVOKED' })
        expect(await batch).toMatchObject([{ reason: 'TOKEN_REVOKED' }, { reason: 'ROLE' }])
      }
    } finally {
      await replica.close()
    }
  })

  it('is seen although it comes while the state of the person is read', async () => {
    const { house } = wires
    const session = await wires.begin('bob')
    const accessToken = await wires.tokenOf(session)
    const { resolver } = house.freshness
    let ended = false
    const slow = {
      ...resolver,
      resolve: async (...question: Parameters<typeof resolver.resolve>) => {
        const found = await resolver.resolve(...question)
        if (!ended) {
          ended = true
          await end(house, session)
        }
        return found
      },
    }
    const decisions = withTokens(wires.needs, { ...house, freshness: { ...house.freshness, resolver: slow } }).decisions
    const answer = await decisions.check({ accessToken, heldTo: { tenants: null }, permission: READ }, new AbortController().signal)
    expect(answer).toMatchObject({ reason: 'TOKEN_REVOKED' })
  })
})

describe('a signing key that is gone', () => {
  it('takes all its tokens with it at once, also those that were verified before', async () => {
    const own = await openTokenWires()
    try {
      const session = await own.begin('ann')
      const accessToken = await own.tokenOf(session)
      const check = async () => (await call(own, 'POST', '/v1/check', { accessToken, permission: READ }, own.keys.decide)).json.reason
      expect(await check()).toBe('ROLE')
      const { store, freshness } = own.house
      const position = await store.change(async (transaction) => {
        await transaction.identity.setKeyState(own.key.kid, 'retired')
        return await transaction.appendFeed([{ kind: 'caller', caller: 'signing-keys' }])
      })
      freshness.acknowledgement.announce()
      await freshness.acknowledgement.effective(position)
      expect(await check()).toBe('TOKEN_INVALID')
    } finally {
      await own.close()
    }
  })
})

describe('a service that was not told of an issuer', () => {
  let plainWires: Wires
  beforeAll(async () => {
    plainWires = await openWires()
  }, 300_000)
  afterAll(() => plainWires.close())

  it('says which settings it lacks, and takes no token as a caller', async () => {
    const { status, json } = await call(
      plainWires,
      'POST',
      '/v1/check',
      { accessToken: await token(), permission: READ },
      plainWires.keys.decide,
    )
    expect([status, json.code, fieldsOf(json.violations)]).toEqual([400, 'request_invalid', ['accessToken']])
    expect(json.hint).toMatch(/CASTELLAN_ISSUER.*CASTELLAN_TOKEN_AUDIENCE/)
    const { json: batch } = await call(
      plainWires,
      'POST',
      '/v1/check/batch',
      { items: [{ accessToken: 'x', permission: READ }] },
      plainWires.keys.decide,
    )
    expect(batch.items).toMatchObject([{ error: { code: 'request_invalid' } }])
    const answer = await call(
      plainWires,
      'POST',
      '/v1/check',
      { user: 'ann', tenant: 'north', permission: READ },
      await wires.serviceToken({}),
    )
    expect(answer.status).toBe(401)
  })
})

describe('an access token as what calls', () => {
  const QUESTION = { user: 'ann', tenant: 'north', permission: READ }
  const statusOf = async (key: string, path = '/v1/check') => {
    const answer = path === '/v1/check' ? call(wires, 'POST', path, QUESTION, key) : call(wires, 'GET', path, undefined, key)
    return (await answer).status
  }

  it('is the service that it was issued to, as that is now, with the scopes that both have', async () => {
    const { house } = wires
    const made = await house.administration.createCaller(house.context, {
      name: 'reports',
      scopes: ['decide', 'audit'],
      tenants: ['north'],
    })
    const { id } = made.record
    const issued = (scope: string, part = {}) => wires.serviceToken({ sub: id, client_id: id, scope, ...part })
    expect(await statusOf(await issued('decide'))).toBe(200)
    expect(await statusOf(await issued('decide'), '/v1/audit')).toBe(403)
    expect(await statusOf(await issued('decide audit'), '/v1/audit')).toBe(200)
    expect(await statusOf(await issued('audit'))).toBe(403)
    expect(await statusOf(await issued('administer'), '/v1/callers')).toBe(403)
    const south = await call(wires, 'POST', '/v1/check', { ...QUESTION, tenant: 'south' }, await issued('decide'))
    expect(south.status).toBe(403)
    expect(await ask(client, 'Check', QUESTION, await issued('decide'))).toMatchObject({ allowed: true })
    const kept = await issued('decide')
    expect(await statusOf(kept)).toBe(200)
    await house.administration.revokeCaller(house.context, id)
    expect(await statusOf(kept)).toBe(401)
  })

  it('is nobody when it is a person’s, over, of no caller, or not ours', async () => {
    const { iat } = times(0)
    const stranger = await openKeyPair()
    const made = await wires.house.administration.createCaller(wires.house.context, { name: 'one', scopes: ['decide'] })
    const self = { sub: made.record.id, client_id: made.record.id }
    const wrong = [
      await token(),
      // Of a person who has the name of a service.
      await wires.tokenOf(await wires.begin('ann'), { sub: made.record.id }),
      await wires.serviceToken({ ...self, iat: iat - 400, exp: iat - 31 }),
      await wires.serviceToken(self, stranger.key),
      await wires.serviceToken({ ...self, aud: 'other' }),
      await wires.serviceToken({ sub: randomUUID(), client_id: randomUUID() }),
      await wires.serviceToken({ sub: 'admin-key', client_id: 'admin-key', scope: 'administer' }),
      await wires.serviceToken({ sub: 'one', client_id: 'one' }),
    ]
    for (const key of wrong) expect(await statusOf(key)).toBe(401)
    expect(await statusOf(await wires.serviceToken(self))).toBe(200)
  })
})
