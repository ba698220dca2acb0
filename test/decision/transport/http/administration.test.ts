import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { ROUTES } from '../../../../src/decision/transport/http/routes.ts'
import { call, openWires, type Wires } from '../wires.ts'

let wires: Wires
beforeAll(async () => {
  wires = await openWires()
})
afterAll(() => wires.close())

function described(operation: string, json: unknown) {
  const route = ROUTES.find((candidate) => candidate.operation === operation)
  expect(route?.response.safeParse(json).error).toBeUndefined()
}

describe('administration over HTTP', () => {
  it('creates, reads, suspends and resumes a tenant', async () => {
    const put = await call(wires, 'PUT', '/v1/tenants/west', { displayName: 'West', attributes: { beds: 12 }, reason: 'opened' })
    expect(put).toMatchObject({
      status: 200,
      json: { tenant: { id: 'west', displayName: 'West', attributes: { beds: 12 } }, changed: true },
    })
    described('PutTenant', put.json)
    const again = await call(wires, 'PUT', '/v1/tenants/west', { displayName: 'West' })
    expect(again.json).toMatchObject({ changed: false })
    described('GetTenant', (await call(wires, 'GET', '/v1/tenants/west')).json)
    // A POST whose fields are all optional needs no body.
    const suspended = await call(wires, 'POST', '/v1/tenants/west/suspend')
    expect(suspended).toMatchObject({ status: 200, json: { tenant: { state: 'suspended' } } })
    const resumed = await call(wires, 'POST', '/v1/tenants/west/resume', { reason: 'paid' })
    expect(resumed.json.tenant.state).toBe('active')
    described('ResumeTenant', resumed.json)
    const tenants = await call(wires, 'GET', '/v1/tenants?pageSize=1')
    expect(tenants.json).toMatchObject({ tenants: [{}], nextPageToken: expect.any(String) })
    described('ListTenants', tenants.json)
    expect(await call(wires, 'GET', '/v1/tenants/nowhere')).toMatchObject({ status: 404, json: { code: 'not_found' } })
  })

  it('creates, deactivates and reactivates a user, with a reason', async () => {
    const put = await call(wires, 'PUT', '/v1/users/dora', {
      email: 'dora@example.org',
      displayName: 'Dora',
      attributes: { facilities: ['n'] },
    })
    expect(put).toMatchObject({ status: 200, json: { user: { id: 'dora', email: 'dora@example.org' } } })
    described('PutUser', put.json)
    described('GetUser', (await call(wires, 'GET', '/v1/users/dora')).json)
    expect(await call(wires, 'POST', '/v1/users/dora/deactivate')).toMatchObject({
      status: 400,
      json: { violations: [{ field: 'reason' }] },
    })
    const off = await call(wires, 'POST', '/v1/users/dora/deactivate', { reason: 'left' })
    expect(off.json.user).toMatchObject({ state: 'deactivated', stateReason: 'left' })
    described('DeactivateUser', off.json)
    const on = await call(wires, 'POST', '/v1/users/dora/reactivate', { reason: 'back' })
    expect(on.json).toMatchObject({ user: { state: 'active' }, expiredMeanwhile: [] })
    described('ReactivateUser', on.json)
    described('ListAccounts', (await call(wires, 'GET', '/v1/users')).json)
  })

  it('grants with 201, says 200 for what was so, lists, and revokes one row or a whole role', async () => {
    const path = '/v1/tenants/west/users/emil/assignments'
    const made = await call(wires, 'POST', path, { role: 'coder', reason: 'new' })
    expect(made).toMatchObject({ status: 201, json: { id: made.json.assignment.id, changed: true, position: expect.any(Number) } })
    described('CreateAssignment', made.json)
    expect(await call(wires, 'POST', path, { role: 'coder' })).toMatchObject({ status: 200, json: { id: made.json.id, changed: false } })
    const limited = { role: 'reader', validFrom: '2030-01-01T00:00:00+01:00', expiresAt: '2030-02-01T00:00:00Z' }
    const later = await call(wires, 'POST', path, limited)
    expect(later.json.assignment).toMatchObject({ validFrom: '2029-12-31T23:00:00.000Z', expiresAt: '2030-02-01T00:00:00.000Z' })
    const revoked = await call(wires, 'DELETE', `${path}/${made.json.id}?reason=over`)
    expect(revoked.json).toMatchObject({ assignment: { id: made.json.id, revokedAt: expect.any(String) }, changed: true })
    described('RevokeAssignment', revoked.json)
    expect((await call(wires, 'GET', path)).json.assignments).toHaveLength(1)
    const history = await call(wires, 'GET', `${path}?history=true`)
    expect(history.json.assignments).toHaveLength(2)
    described('ListAssignments', history.json)
    const role = await call(wires, 'DELETE', `${path}?role=reader`)
    expect(role.json).toMatchObject({ assignments: [{ role: 'reader' }], changed: true })
    described('RevokeRole', role.json)
    expect(await call(wires, 'DELETE', `${path}/unknown-id`)).toMatchObject({ status: 404, json: { code: 'not_found' } })
  })

  it('makes, lists and revokes callers; a revoked key is unknown at once', async () => {
    const made = await call(wires, 'POST', '/v1/callers', {
      name: 'billing',
      scopes: ['decide'],
      tenants: ['west'],
      expiresAt: '2090-01-01T00:00:00Z',
    })
    expect(made).toMatchObject({ status: 201, json: { caller: { tenants: ['west'], scopes: ['decide'] }, key: expect.any(String) } })
    described('CreateCaller', made.json)
    const question = { user: 'emil', tenant: 'west', permission: 'finance.read' }
    expect(await call(wires, 'POST', '/v1/check', question, made.json.key)).toMatchObject({ status: 200 })
    const listed = await call(wires, 'GET', '/v1/callers')
    expect(listed.text).not.toContain(made.json.key)
    described('ListCallers', listed.json)
    const rotated = await call(wires, 'POST', `/v1/callers/${made.json.caller.id}/rotate`, { overlapSeconds: 3_600, reason: 'yearly' })
    expect(rotated).toMatchObject({ status: 200, json: { caller: { id: made.json.caller.id }, key: expect.stringMatching(/^cst_/) } })
    described('RotateCaller', rotated.json)
    for (const key of [made.json.key, rotated.json.key])
      expect(await call(wires, 'POST', '/v1/check', question, key)).toMatchObject({ status: 200 })
    const revoked = await call(wires, 'DELETE', `/v1/callers/${made.json.caller.id}`)
    described('RevokeCaller', revoked.json)
    for (const key of [made.json.key, rotated.json.key])
      expect(await call(wires, 'POST', '/v1/check', question, key)).toMatchObject({ status: 401 })
  })

  it('shows the audit with the request id of each change, and the policy in force', async () => {
    await call(wires, 'PUT', '/v1/tenants/audited', { reason: 'because' }, wires.keys.admin, { 'x-request-id': 'trace-9' })
    const audit = await call(wires, 'GET', '/v1/audit?tenant=audited&action=tenant.put&since=2020-01-01T00:00:00Z')
    expect(audit.json.entries).toMatchObject([{ action: 'tenant.put', actor: 'admin-key', reason: 'because', requestId: 'trace-9' }])
    described('ListAudit', audit.json)
    const policy = await call(wires, 'GET', '/v1/policy')
    expect(policy.json).toMatchObject({ revision: expect.stringMatching(/^[0-9a-f]{64}$/), roles: 3 })
    described('GetPolicy', policy.json)
    described('ListPolicyRevisions', (await call(wires, 'GET', '/v1/policy/revisions')).json)
  })

  it('refuses what is not well-formed, by the field at fault', async () => {
    const long = 'x'.repeat(1001)
    for (const [method, path, body, field] of [
      ['PUT', '/v1/tenants/t', { displayName: 7 }, 'displayName'],
      ['PUT', '/v1/tenants/t', { displayName: long }, 'displayName'],
      ['PUT', '/v1/tenants/t', { displayName: 'a\u0000b' }, 'displayName'],
      ['PUT', '/v1/tenants/t', { reason: '\ud800' }, 'reason'],
      ['PUT', '/v1/tenants/t', { tenant: 'u' }, 'tenant'],
      ['PUT', '/v1/tenants/t', { attributes: [] }, 'attributes'],
      ['PUT', '/v1/tenants/t', { attributes: { a: long.repeat(9) } }, 'attributes'],
      ['PUT', '/v1/tenants/t', { attributes: { a: ['b\u0000'] } }, 'attributes.a[0]'],
      ['PUT', '/v1/users/u', { email: 'nobody' }, 'email'],
      ['POST', '/v1/tenants/t/users/u/assignments', { role: 'Coder' }, 'role'],
      ['POST', '/v1/tenants/t/users/u/assignments', { role: 'a.b' }, 'role'],
      ['POST', '/v1/tenants/t/users/u/assignments', { role: 'coder', expiresAt: 'tomorrow' }, 'expiresAt'],
      ['POST', '/v1/tenants/t/users/u/assignments', { role: 'coder', expiresAt: '2026-02-30T00:00:00Z' }, 'expiresAt'],
      ['POST', '/v1/tenants/t/users/u/assignments', { role: 'coder', expiresAt: '2026-02-20' }, 'expiresAt'],
      ['POST', '/v1/tenants/t/users/u/assignments', { role: 'coder', expiresAt: 1790000000 }, 'expiresAt'],
      ['POST', '/v1/callers', { name: '', scopes: ['decide'] }, 'name'],
      ['POST', '/v1/callers', { name: 'n', scopes: [] }, 'scopes'],
      ['POST', '/v1/callers', { name: 'n', scopes: ['rule'] }, 'scopes[0]'],
      ['POST', '/v1/callers', { name: 'n', scopes: ['decide', 'decide'] }, 'scopes'],
      ['POST', '/v1/callers', { name: 'n', scopes: ['decide'], tenants: [] }, 'tenants'],
      ['GET', '/v1/tenants?pageSize=0', undefined, 'pageSize'],
      ['GET', '/v1/tenants?pageSize=1001', undefined, 'pageSize'],
      ['GET', '/v1/tenants?pageSize=1e2', undefined, 'pageSize'],
      ['GET', '/v1/tenants?pageSize=1&pageSize=2', undefined, 'pageSize'],
      ['GET', '/v1/tenants?pagesize=1', undefined, 'pagesize'],
      ['GET', '/v1/tenants?pageToken=', undefined, 'pageToken'],
      ['GET', '/v1/tenants?pageToken=%', undefined, 'query'],
      ['GET', '/v1/tenants/t/users/u/assignments?history=yes', undefined, 'history'],
      ['DELETE', '/v1/tenants/t/users/u/assignments', undefined, 'role'],
      ['DELETE', '/v1/tenants/t/users/u/assignments?role=coder', { reason: 'x' }, 'body'],
      ['GET', '/v1/audit?action=tenant.put2', undefined, 'action'],
      ['GET', '/v1/audit?since=yesterday', undefined, 'since'],
      ['GET', `/v1/users/${'x'.repeat(257)}`, undefined, 'user'],
      ['GET', '/v1/users/a%00b', undefined, 'user'],
    ] as const) {
      const answer = await call(wires, method, path, body)
      expect([method, path, answer.status, answer.json?.code]).toEqual([method, path, 400, 'request_invalid'])
      expect(answer.json.violations.map((violation: { field: string }) => violation.field)).toContain(field)
    }
  })
})
