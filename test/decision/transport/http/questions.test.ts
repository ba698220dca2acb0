import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { ROUTES } from '../../../../src/decision/transport/http/routes.ts'
import { call, openWires, send, type Wires } from '../wires.ts'

let wires: Wires
beforeAll(async () => {
  wires = await openWires()
})
afterAll(() => wires.close())

const READ = 'coding.medical-stay.read'

/** The answer holds to the schema that the API description shows for this operation. */
function described(operation: string, json: unknown) {
  const route = ROUTES.find((candidate) => candidate.operation === operation)
  expect(route?.response.safeParse(json).error).toBeUndefined()
}

describe('questions over HTTP', () => {
  it('allows and denies with reason, both with status 200', async () => {
    const allowed = await call(wires, 'POST', '/v1/check', { user: 'ann', tenant: 'north', permission: READ }, wires.keys.decide)
    expect(allowed).toMatchObject({ status: 200, json: { allowed: true, reason: 'ROLE', via: ['coder'] } })
    described('Check', allowed.json)
    const denied = await call(wires, 'POST', '/v1/check', { user: 'bob', tenant: 'north', permission: 'coding.medical-stay.validate' })
    expect(denied).toMatchObject({ status: 200, json: { allowed: false, reason: 'ROLE_LACKS_PERMISSION', via: [] } })
    described('Check', denied.json)
  })

  it('gives the same answer before express and behind it', async () => {
    const question = { user: 'ann', tenant: 'north', permission: READ }
    const { decisionId: _a, ...hot } = (await call(wires, 'POST', '/v1/check', question)).json
    // A question mark alone sends the same request the long way.
    const { decisionId: _b, ...long } = (await call(wires, 'POST', '/v1/check?', question)).json
    expect(long).toEqual(hot)
    const bad = { user: '', tenant: 'north' }
    const { requestId: _c, ...hotFault } = (await call(wires, 'POST', '/v1/check', bad)).json
    const { requestId: _d, ...longFault } = (await call(wires, 'POST', '/v1/check?', bad)).json
    expect(longFault).toEqual(hotFault)
  })

  it('names every field at fault, and what a misspelt one may have meant', async () => {
    const answer = await call(wires, 'POST', '/v1/check', { user: 7, permission: '', resourse: {}, minPosition: -1 })
    expect(answer).toMatchObject({ status: 400, headers: { 'content-type': 'application/problem+json' } })
    expect(answer.json).toMatchObject({ code: 'request_invalid', status: 400, title: expect.any(String), requestId: expect.any(String) })
    expect(answer.json.violations).toEqual(
      expect.arrayContaining([
        { field: 'user', message: 'must be a string' },
        { field: 'tenant', message: 'is required' },
        { field: 'permission', message: 'must not be empty' },
        { field: 'minPosition', message: expect.stringContaining('whole number') },
        { field: 'resourse', message: 'is not a field of this request; did you mean "resource"?' },
      ]),
    )
  })

  it('takes minPosition as a number and as decimal digits, and refuses what is neither', async () => {
    const question = { user: 'ann', tenant: 'north', permission: READ }
    for (const minPosition of [0, '0', 1, '1']) {
      expect(await call(wires, 'POST', '/v1/check', { ...question, minPosition })).toMatchObject({ status: 200 })
    }
    for (const minPosition of ['', '1.5', '-1', ' 1', '9007199254740993', 1.5, 2 ** 53, null, true, [], '0x1']) {
      const answer = await call(wires, 'POST', '/v1/check', { ...question, minPosition })
      expect(answer).toMatchObject({ status: 400, json: { violations: [{ field: 'minPosition' }] } })
    }
  })

  it('answers a batch in order, each item with its own decision or its own error', async () => {
    const items = [
      { permission: READ },
      { user: 'bob', permission: 'coding.medical-stay.validate' },
      { permission: '' },
      'nonsense',
      { tenant: 'south', permission: READ },
      { permission: READ, minPosition: 3 },
      { permission: READ, user: '' },
    ]
    const answer = await call(wires, 'POST', '/v1/check/batch', { user: 'ann', tenant: 'north', items }, wires.keys.limited)
    expect(answer.status).toBe(200)
    described('BatchCheck', answer.json)
    expect(answer.json.items).toMatchObject([
      { decision: { allowed: true } },
      { decision: { allowed: false, reason: 'ROLE_LACKS_PERMISSION' } },
      { error: { code: 'request_invalid', violations: [{ field: 'items[2].permission' }] } },
      { error: { code: 'request_invalid', violations: [{ field: 'items[3]' }] } },
      { error: { code: 'permission_denied' } },
      { error: { code: 'request_invalid', violations: [{ field: 'items[5].minPosition' }] } },
      { error: { code: 'request_invalid', violations: [{ field: 'items[6].user' }] } },
    ])
  })

  it('refuses a batch whose envelope is bad, or that is empty or too long', async () => {
    for (const [body, field] of [
      [{ items: [] }, 'items'],
      [{ items: Array(1001).fill({ permission: READ }) }, 'items'],
      [{ items: {} }, 'items'],
      [{}, 'items'],
      [{ items: [{ permission: READ }], tennant: 'north' }, 'tennant'],
      [{ items: [{ permission: READ }], user: '' }, 'user'],
    ] as const) {
      const answer = await call(wires, 'POST', '/v1/check/batch', body)
      expect(answer).toMatchObject({ status: 400 })
      expect(answer.json.violations.map((violation: { field: string }) => violation.field)).toContain(field)
    }
  })

  it('answers many permissions, what a user may do, who may, and why', async () => {
    const many = await call(wires, 'POST', '/v1/check/permissions', { user: 'bob', tenant: 'north', permissions: [READ, 'finance.read'] })
    expect(many.json.allowed).toEqual([true, false])
    described('CheckPermissions', many.json)
    const list = await call(wires, 'GET', '/v1/tenants/north/users/bob/permissions')
    expect(list.json.permissions).toMatchObject([{ permission: READ, conditional: false, via: ['reader'] }])
    described('ListPermissions', list.json)
    const who = await call(wires, 'GET', `/v1/tenants/north/permissions/${READ}/users?pageSize=1`)
    expect(who.json).toMatchObject({ users: [{ user: 'ann' }], nextPageToken: expect.any(String) })
    described('ListUsers', who.json)
    const next = await call(
      wires,
      'GET',
      `/v1/tenants/north/permissions/${READ}/users?pageToken=${encodeURIComponent(who.json.nextPageToken)}`,
    )
    expect(next.json.users).toMatchObject([{ user: 'bob' }])
    const why = await call(wires, 'POST', '/v1/explain', { user: 'bob', tenant: 'north', permission: 'finance.read' })
    expect(why.json).toMatchObject({ decision: { allowed: false }, wouldAllowWith: ['clerk'] })
    described('Explain', why.json)
    const unprivileged = await call(
      wires,
      'POST',
      '/v1/explain',
      { user: 'bob', tenant: 'north', permission: 'finance.read' },
      wires.keys.decide,
    )
    expect(unprivileged.json.wouldAllowWith).toBeUndefined()
  })

  it('answers 304 for a list that is as it was, and 200 after it changed', async () => {
    const path = '/v1/tenants/north/users/carl/permissions'
    const first = await call(wires, 'GET', path)
    const etag = String(first.headers['etag'])
    const headers = { 'if-none-match': `"other", ${etag}` }
    expect(await call(wires, 'GET', path, undefined, wires.keys.admin, headers)).toMatchObject({ status: 304, text: '', headers: { etag } })
    await call(wires, 'PUT', '/v1/tenants/elsewhere', {})
    expect(await call(wires, 'GET', path, undefined, wires.keys.admin, headers)).toMatchObject({ status: 304 })
    await call(wires, 'POST', '/v1/tenants/north/users/carl/assignments', { role: 'reader' })
    expect(await call(wires, 'GET', path, undefined, wires.keys.admin, headers)).toMatchObject({ status: 200 })
    expect(await call(wires, 'GET', path, undefined, 'unknown', { 'if-none-match': '*' })).toMatchObject({ status: 401 })
  })

  it('keeps an id as it was sent, whatever it contains', async () => {
    for (const user of ['a/b', 'a%b', 'a b', 'ä|:', 'constructor', 'A.b+c@d', '..;', "'", '😀']) {
      const segment = encodeURIComponent(user)
      const made = await call(wires, 'POST', `/v1/tenants/north/users/${segment}/assignments`, { role: 'reader' })
      expect(made).toMatchObject({ status: 201, json: { assignment: { user } } })
      expect(await call(wires, 'POST', '/v1/check', { user, tenant: 'north', permission: READ })).toMatchObject({ json: { allowed: true } })
      expect((await call(wires, 'GET', `/v1/tenants/north/users/${segment}/permissions`)).json.permissions).toHaveLength(1)
    }
  })

  it('echoes a fit X-Request-ID and makes a new one in place of another', async () => {
    const question = { user: 'ann', tenant: 'north', permission: READ }
    const echoed = await call(wires, 'POST', '/v1/check', question, wires.keys.decide, { 'x-request-id': 'trace-1.a' })
    expect(echoed.headers['x-request-id']).toBe('trace-1.a')
    for (const unfit of ['', 'a b', 'x'.repeat(129), 'a"b']) {
      const answer = await call(wires, 'POST', '/v1/check', question, wires.keys.decide, { 'x-request-id': unfit })
      expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/)
    }
    const fault = await call(wires, 'GET', '/nowhere', undefined, wires.keys.admin, { 'x-request-id': 'trace-2' })
    expect(fault).toMatchObject({ headers: { 'x-request-id': 'trace-2' }, json: { requestId: 'trace-2' } })
  })
})

describe('callers over HTTP', () => {
  const question = { user: 'ann', tenant: 'north', permission: READ }
  const body = JSON.stringify(question)

  it('answers 401 without a key, with a wrong one and with two', async () => {
    const headers = { 'content-type': 'application/json' }
    for (const authorization of [
      undefined,
      '',
      'Bearer',
      'Bearer ',
      'Basic YTpi',
      `Bearer ${wires.keys.admin}x`,
      'Bearer a b',
      `Token ${wires.keys.admin}`,
    ]) {
      const answer = await send(
        wires.http.port,
        { method: 'POST', path: '/v1/check', headers: { ...headers, ...(authorization === undefined ? {} : { authorization }) } },
        body,
      )
      expect(answer).toMatchObject({ status: 401, json: { code: 'unauthenticated' } })
      expect(answer.headers['www-authenticate']).toContain('Bearer')
    }
    const twice = ['Host', 'x', 'Content-Type', 'application/json', 'Content-Length', String(body.length)]
    twice.push('Authorization', `Bearer ${wires.keys.admin}`, 'Authorization', `Bearer ${wires.keys.decide}`)
    expect(await send(wires.http.port, { method: 'POST', path: '/v1/check', headers: twice as never }, body)).toMatchObject({ status: 401 })
  })

  it('holds a caller to its scopes and tenants, in every question', async () => {
    expect(await call(wires, 'PUT', '/v1/tenants/north', {}, wires.keys.decide)).toMatchObject({
      status: 403,
      json: { code: 'permission_denied' },
    })
    const elsewhere = { ...question, tenant: 'south' }
    for (const [method, path, sent] of [
      ['POST', '/v1/check', elsewhere],
      ['POST', '/v1/explain', elsewhere],
      ['POST', '/v1/check/permissions', { user: 'ann', tenant: 'south', permissions: [READ] }],
      ['GET', '/v1/tenants/south/users/ann/permissions', undefined],
      ['GET', `/v1/tenants/south/permissions/${READ}/users`, undefined],
    ] as const) {
      expect(await call(wires, method, path, sent, wires.keys.limited)).toMatchObject({ status: 403, json: { code: 'permission_denied' } })
    }
    const made = await call(wires, 'POST', '/v1/callers', { name: 'auditor', scopes: ['audit'] })
    expect(await call(wires, 'POST', '/v1/check', question, made.json.key)).toMatchObject({ status: 403 })
    expect(await call(wires, 'GET', '/v1/audit', undefined, made.json.key)).toMatchObject({ status: 200 })
  })
})
