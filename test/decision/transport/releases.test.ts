/** Policies published, activated, taken back and read, over both wires. */
import { type ServiceError, status } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { ROUTES } from '../../../src/decision/transport/http/routes.ts'
import { BODY_BYTES_MAX } from '../../../src/model/limits.ts'
import { POLICY_UPLOAD_BYTES_MAX } from '../../../src/model/policy-limits.ts'
import { meaning, policyFiles } from './release-forms.ts'
import { administrationClient, ask, type Client, call, detailsOf, openWires, ROLES, send, type Wires } from './wires.ts'

const READ = 'coding.medical-stay.read'
let wires: Wires
let client: Client
/** Keys of callers by what they may. */
const keys = { publisher: '', auditor: '', local: '' }
beforeAll(async () => {
  wires = await openWires()
  client = administrationClient(wires.grpc.port)
  const { administration, context } = wires.house
  keys.publisher = (await administration.createCaller(context, { name: 'publisher', scopes: ['publish'] })).key
  keys.auditor = (await administration.createCaller(context, { name: 'auditor', scopes: ['audit'] })).key
  keys.local = (await administration.createCaller(context, { name: 'local', scopes: ['publish'], tenants: ['north'] })).key
})
afterAll(async () => {
  client.close()
  await wires.close()
})

/** The answer holds to the schema that the API description shows for this operation. */
function described(operation: string, json: unknown) {
  const route = ROUTES.find((candidate) => candidate.operation === operation)
  expect([operation, route?.response.safeParse(json).error]).toEqual([operation, undefined])
}

const publish = (files: unknown, more: object = {}) => call(wires, 'POST', '/v1/policy/revisions', { files, ...more }, keys.publisher)
/** Published and new. */
async function revisionOf(...forms: Parameters<typeof policyFiles>): Promise<string> {
  const answer = await publish(policyFiles(...forms))
  expect([answer.status, answer.json]).toEqual([201, expect.anything()])
  return answer.json.revision.revision
}
const refusal = (method: string, message: object, key = keys.publisher) =>
  ask(client, method, message, key).then(
    () => undefined,
    (fault: ServiceError) => fault,
  )

describe('a policy', () => {
  it('is published once: 201 and all that was said of it, then 200, by either wire, whatever is said of it then', async () => {
    const files = policyFiles({ ...ROLES, reader: [READ, 'finance.read'] })
    const origin = { author: 'ann@example.org', message: 'Readers read more', sourceCommit: 'abc123' }
    const first = await publish(files, { ...origin, reason: 'asked for' })
    expect(first).toMatchObject({ status: 201, json: { changed: true, warnings: [], revision: { ...origin, source: 'published' } } })
    described('PublishPolicy', first.json)
    const again = await publish(files, { author: 'bob' })
    expect(again).toMatchObject({ status: 200, json: { changed: false, revision: first.json.revision } })
    const twin = await ask(client, 'PublishPolicy', { files, author: 'bob' }, keys.publisher)
    const { position: _a, ...overHttp } = again.json
    const { position: _b, ...overGrpc } = meaning(twin) as { position: number }
    expect(overGrpc).toEqual(meaning(overHttp))
    const audit = await call(wires, 'GET', '/v1/audit?action=policy.publish')
    expect(audit.json.entries.at(-1)).toMatchObject({ target: first.json.revision.revision, result: 'applied', reason: 'asked for' })
    // Nothing is in force by it.
    expect((await call(wires, 'GET', '/v1/policy')).json.revision).not.toBe(first.json.revision.revision)
  })

  it('is put in force, found everywhere, and taken back, on either wire', async () => {
    const before = (await call(wires, 'GET', '/v1/policy')).json.revision
    const revision = await revisionOf({ ...ROLES, reader: ['finance.read'] })
    const path = `/v1/policy/revisions/${revision.slice(0, 8)}/activate`
    const activated = await call(wires, 'POST', path, { reason: 'reviewed' }, keys.publisher)
    expect(activated).toMatchObject({
      status: 200,
      json: { revision, previousRevision: before, changed: true, effective: true, waiting: [], position: expect.any(Number) },
    })
    described('ActivatePolicy', activated.json)
    const question = { user: 'bob', tenant: 'north', permission: READ }
    expect((await call(wires, 'POST', '/v1/check', question)).json).toMatchObject({ allowed: false, policyRevision: revision })
    // As it was already; no body is needed.
    const again = await call(wires, 'POST', path, undefined, keys.publisher)
    expect(again.json).toMatchObject({ changed: false, effective: true })
    const { position: _a, ...twin } = meaning(await ask(client, 'ActivatePolicy', { revision }, keys.publisher)) as { position: number }
    const { position: _b, ...overHttp } = meaning(again.json) as { position: number }
    expect(twin).toEqual(overHttp)

    const back = await call(wires, 'POST', '/v1/policy/rollback', { reason: 'lost too much' }, keys.publisher)
    expect(back.json).toMatchObject({ revision: before, previousRevision: revision, changed: true })
    described('RollbackPolicy', back.json)
    expect((await call(wires, 'POST', '/v1/check', question)).json).toMatchObject({ allowed: true, policyRevision: before })
    expect(meaning(await ask(client, 'RollbackPolicy', { to: revision.slice(0, 10) }, keys.publisher))).toMatchObject({
      revision,
      previousRevision: before,
      changed: true,
      effective: true,
    })
    await ask(client, 'RollbackPolicy', {}, keys.publisher)
    expect((await call(wires, 'GET', '/v1/policy')).json.revision).toBe(before)
    const history = await call(wires, 'GET', '/v1/policy/activations?pageSize=2', undefined, keys.auditor)
    expect(history.json).toMatchObject({ activations: [{ revision: before }, { revision }], nextPageToken: expect.any(String) })
    const rest = await call(wires, 'GET', `/v1/policy/activations?pageToken=${history.json.nextPageToken}`)
    expect(rest.json.activations[0].id).toBeLessThan(history.json.activations[1].id)
  })

  it('is put down for a time to come, listed, and called off, on either wire', async () => {
    const revision = await revisionOf({ ...ROLES, reader: ['coding.medical-stay.validate'] })
    const at = new Date(Date.now() + 86_400_000).toISOString()
    const path = `/v1/policy/revisions/${revision}/activate`
    const put = await call(wires, 'POST', path, { at, reason: 'on Monday' }, keys.publisher)
    const scheduled = { revision, activateAt: at, state: 'waiting', reason: 'on Monday' }
    expect(put.json).toMatchObject({ revision, changed: true, effective: false, scheduled, waiting: [scheduled] })
    described('ActivatePolicy', put.json)
    const seconds = Math.floor(Date.now() / 1000) + 86_400
    const twin = await ask(client, 'ActivatePolicy', { revision, at: { seconds, nanos: 5_000_000 } }, keys.publisher)
    expect(twin.waiting).toHaveLength(2)
    expect(meaning(twin)).toMatchObject({ scheduled: { activateAt: new Date(seconds * 1000 + 5).toISOString() } })
    const listed = await call(wires, 'GET', '/v1/policy/schedule', undefined, keys.auditor)
    expect(listed.json.scheduled).toHaveLength(2)
    described('ListScheduledActivations', listed.json)
    expect(meaning(await ask(client, 'ListScheduledActivations', {}, keys.auditor))).toEqual(meaning(listed.json))

    const { id } = put.json.scheduled
    const off = await call(wires, 'DELETE', `/v1/policy/schedule/${id}?reason=postponed`, undefined, keys.publisher)
    expect(off).toMatchObject({ status: 200, json: { scheduled: { ...scheduled, state: 'cancelled' } } })
    described('CancelScheduledActivation', off.json)
    expect(meaning(await ask(client, 'CancelScheduledActivation', { id: twin.scheduled.id }, keys.publisher))).toMatchObject({
      scheduled: { id: twin.scheduled.id, state: 'cancelled' },
    })
    expect(await call(wires, 'DELETE', `/v1/policy/schedule/${id}`)).toMatchObject({ status: 409, json: { code: 'conflict' } })
    expect(await call(wires, 'DELETE', '/v1/policy/schedule/unknown')).toMatchObject({ status: 404 })
    expect((await refusal('CancelScheduledActivation', { id }))?.code).toBe(status.FAILED_PRECONDITION)
    expect((await call(wires, 'GET', '/v1/policy/schedule')).json).toEqual({ scheduled: [] })
  })

  it('is refused with all its faults by file, line and column over HTTP, and with some and their number over gRPC', async () => {
    const [catalogue] = policyFiles(ROLES)
    const unknown = Array.from({ length: 300 }, (_, index) => `unknown.thing-${index}.read`)
    const files = [catalogue, { name: 'a/roles.yaml', text: policyFiles({ reader: unknown }).at(-1)?.text }]
    const refused = await publish(files)
    expect(refused).toMatchObject({ status: 400, json: { code: 'policy_invalid', title: 'The policy is refused' } })
    expect(refused.json.violations.length).toBeGreaterThanOrEqual(300)
    const place = expect.stringMatching(/^a\/roles\.yaml:\d+:\d+$/)
    expect(refused.json.violations).toContainEqual({ field: place, message: expect.stringContaining('unknown.thing-299.read') })
    const fault = (await refusal('PublishPolicy', { files })) as ServiceError
    expect(fault.code).toBe(status.INVALID_ARGUMENT)
    const violations = detailsOf(fault).details.find((one) => one.type === 'google.rpc.BadRequest')?.fieldViolations
    expect(violations.length).toBeGreaterThan(10)
    expect(violations[0]).toEqual({ field: place, description: expect.stringContaining('unknown.thing') })
    const left = refused.json.violations.length - (violations.length - 1)
    expect(violations.at(-1).description).toBe(`and ${left} more, which HTTP names in full`)
  })

  it('of more than a megabyte is published over HTTP, and refused over gRPC before it is read', async () => {
    const [first, ...others] = policyFiles({ ...ROLES, clerk: [READ] })
    const files = [{ ...first, text: `${first?.text}${'# why this is so\n'.repeat(70_000)}` }, ...others]
    expect((await publish(files)).status).toBe(201)
    expect((await refusal('PublishPolicy', { files }))?.code).toBe(status.RESOURCE_EXHAUSTED)
    const body = JSON.stringify({ reason: 'x'.repeat(BODY_BYTES_MAX) })
    expect(await call(wires, 'POST', '/v1/policy/rollback', body)).toMatchObject({ status: 413, json: { code: 'body_too_large' } })
    const headers = { 'content-length': String(POLICY_UPLOAD_BYTES_MAX + 1) }
    const head = { authorization: `Bearer ${keys.publisher}`, 'content-type': 'application/json', ...headers }
    const large = await send(wires.http.port, { method: 'POST', path: '/v1/policy/plan', headers: head })
    expect(large).toMatchObject({ status: 413 })
  })
})

describe('what is read of policies', () => {
  it('is the same on both wires, as the description shows it', async () => {
    const reads: readonly (readonly [string, string, object])[] = [
      ['GetPolicyRevision', '/v1/policy/revisions/active', { revision: 'active' }],
      ['ListPolicyRevisions', '/v1/policy/revisions', {}],
      ['ListPolicyActivations', '/v1/policy/activations?pageSize=1', { pageSize: 1 }],
      ['ListScheduledActivations', '/v1/policy/schedule', {}],
      ['ListReplicas', '/v1/policy/replicas', {}],
      ['ListPermissionIndex', '/v1/policy/index', {}],
      ['ListLiveRoles', '/v1/policy/live-roles', {}],
      ['GetPolicyBudget', '/v1/policy/budget', {}],
    ]
    for (const [operation, path, message] of reads) {
      const http = await call(wires, 'GET', path, undefined, keys.auditor)
      expect([operation, http.status, http.json]).toEqual([operation, 200, expect.anything()])
      described(operation, http.json)
      const grpc = await ask(client, operation, message, keys.auditor)
      const seen = (value: unknown) => JSON.stringify(meaning(value)).replaceAll(/"(seenAt|nextPageToken)":"[^"]*"/g, '"$1":""')
      expect([operation, JSON.parse(seen(grpc))]).toEqual([operation, JSON.parse(seen(http.json))])
    }
  })

  it('tells the bundle, who answers by what, bits, roles and the largest claim', async () => {
    const get = async (path: string) => (await call(wires, 'GET', `/v1/policy/${path}`)).json
    const { revision, bundle } = await get('revisions/active')
    expect(revision.revision).toMatch(/^[0-9a-f]{64}$/)
    expect(bundle.roles.map((role: { name: string }) => role.name).sort()).toEqual(Object.keys(ROLES).sort())
    expect((await get('replicas')).replicas).toMatchObject([{ id: wires.house.replicaId, revision: revision.revision }])
    const index = await get('index')
    expect(index.permissions).toHaveLength(index.version)
    expect(index.permissions.map((one: { bit: number }) => one.bit)).toEqual(index.permissions.map((_: unknown, bit: number) => bit))
    const counted = await call(wires, 'GET', '/v1/policy/budget', undefined, keys.publisher)
    described('GetPolicyBudget', counted.json)
    expect(counted.text).not.toContain('ann')
    expect(await get('live-roles')).toEqual({ roles: ['coder', 'reader'] })
    expect(await get('budget')).toMatchObject({
      pairs: { codes: 2, bits: 0, overage: 0 },
      worst: { user: 'ann', tenant: 'north', form: 'codes' },
    })
  })
})

describe('a request that is none', () => {
  const file = { name: 'a.yaml', text: '' }
  const REVISIONS = '/v1/policy/revisions'
  it.each([
    ['POST', REVISIONS, {}, 'files'],
    ['POST', REVISIONS, { files: [] }, 'files'],
    ['POST', REVISIONS, { files: 'a' }, 'files'],
    ['POST', REVISIONS, { files: [file, 7] }, 'files[1]'],
    ['POST', REVISIONS, { files: [{ name: 'a.yaml' }] }, 'files[0].text'],
    ['POST', REVISIONS, { files: [{ text: '' }] }, 'files[0].name'],
    ['POST', REVISIONS, { files: [{ ...file, mode: 7 }] }, 'files[0].mode'],
    ['POST', REVISIONS, { files: [{ ...file, text: '\ud800' }] }, 'files[0].text'],
    ['POST', REVISIONS, { files: [file, { name: 'b.yaml', text: '' }, file] }, 'files[2].name'],
    ...[
      '',
      'a',
      'a.txt',
      '/a.yaml',
      '../a.yaml',
      'a/../b.yaml',
      './a.yaml',
      'a//b.yaml',
      'a\\b.yaml',
      'a\n.yaml',
      '.yaml/',
      `${'x'.repeat(252)}.yaml`,
    ].map((name): [string, string, object, string] => ['POST', REVISIONS, { files: [file, { name, text: '' }] }, 'files[1].name']),
    ['POST', REVISIONS, { files: [file], author: 'x'.repeat(201) }, 'author'],
    ['POST', REVISIONS, { files: [file], sourceCommit: '\u0000' }, 'sourceCommit'],
    ['POST', REVISIONS, { files: [file], message: 7 }, 'message'],
    ['POST', REVISIONS, { files: [file], wait: false }, 'wait'],
    ['GET', `${REVISIONS}/abc`, undefined, 'revision'],
    ['GET', `${REVISIONS}/${'A'.repeat(8)}`, undefined, 'revision'],
    ['GET', `${REVISIONS}/${'0'.repeat(65)}`, undefined, 'revision'],
    ['POST', `${REVISIONS}/last/activate`, undefined, 'revision'],
    ['POST', `${REVISIONS}/active/activate`, { at: 'soon' }, 'at'],
    ['POST', `${REVISIONS}/active/activate`, { at: '9999-01-01T00:00:00Z' }, 'at'],
    ['POST', `${REVISIONS}/active/activate`, { revision: '00000000' }, 'revision'],
    ['POST', '/v1/policy/rollback', { to: 'before' }, 'to'],
    ['POST', '/v1/policy/plan', {}, 'files'],
    ['POST', '/v1/policy/plan', { files: [file], revision: 'active' }, 'revision'],
    ['POST', '/v1/policy/plan', { revision: '' }, 'revision'],
    ['POST', '/v1/policy/plan', { revision: 'active', people: 'yes' }, 'people'],
    ['GET', '/v1/policy/activations?pageSize=0', undefined, 'pageSize'],
    ['GET', '/v1/policy/replicas?pageSize=1', undefined, 'pageSize'],
    ['DELETE', '/v1/policy/schedule/x?wait=false', undefined, 'wait'],
  ])('is refused by the field at fault: %s %s %j', async (method, path, body, field) => {
    const answer = await call(wires, method, path, body)
    expect([answer.status, answer.json]).toEqual([400, expect.objectContaining({ code: 'request_invalid' })])
    expect(answer.json.violations.map((violation: { field: string }) => violation.field)).toEqual([field])
  })

  it.each([
    ['PublishPolicy', {}, 'files'],
    ['PublishPolicy', { files: [{ text: 'x' }] }, 'files[0].name'],
    ['GetPolicyRevision', {}, 'revision'],
    ['ActivatePolicy', { revision: 'active', at: { seconds: 1, nanos: -1 } }, 'at'],
    ['CancelScheduledActivation', {}, 'id'],
  ])('is refused by the field at fault over gRPC too: %s %j', async (method, message, field) => {
    const fault = (await refusal(method, message)) as ServiceError
    expect(fault.code).toBe(status.INVALID_ARGUMENT)
    expect(detailsOf(fault).details).toContainEqual(expect.objectContaining({ fieldViolations: [expect.objectContaining({ field })] }))
  })

  it('names a revision that nobody knows with 404', async () => {
    const none = '0123456789abcdef'
    for (const [method, path, body] of [
      ['GET', `/v1/policy/revisions/${none}`, undefined],
      ['POST', `/v1/policy/revisions/${none}/activate`, undefined],
      ['POST', '/v1/policy/rollback', { to: none }],
      ['POST', '/v1/policy/plan', { revision: none }],
    ] as const)
      expect([path, await call(wires, method, path, body)]).toMatchObject([path, { status: 404, json: { code: 'not_found' } }])
    expect((await refusal('RollbackPolicy', { to: none }))?.code).toBe(status.NOT_FOUND)
  })
})

describe('who may not', () => {
  it.each(ROUTES.filter((route) => route.path.startsWith('/v1/policy/')).map((route) => [route.operation, route] as const))(
    'is refused by the scope that is missing: %s',
    async (_, route) => {
      const path = route.path.replace('{revision}', 'active').replace('{id}', 'x')
      const body = route.method === 'POST' ? { ...(route.bodyBytesMax === undefined ? {} : { files: policyFiles(ROLES) }) } : undefined
      expect(await call(wires, route.method, path, body, wires.keys.decide)).toMatchObject({
        status: 403,
        json: { code: 'permission_denied' },
      })
      if (!route.scopes.includes('audit')) expect((await call(wires, route.method, path, body, keys.auditor)).status).toBe(403)
    },
  )

  it.each([
    ['nobody', 'no-key', 401],
    ['a service that only asks', 'decide', 403],
    ['a publisher of some tenants', 'local', 403],
  ])('is refused before a byte of a large body was sent: %s', async (_, who, expected) => {
    const key = { 'no-key': 'nobody', decide: wires.keys.decide, local: keys.local }[who]
    for (const path of ['/v1/policy/revisions', '/v1/policy/plan']) {
      const headers = {
        authorization: `Bearer ${key}`,
        'content-type': 'application/json',
        'content-length': String(POLICY_UPLOAD_BYTES_MAX),
      }
      // Its end is never sent: an answer can only come from what was said before the body.
      const answer = await send(wires.http.port, { method: 'POST', path, headers }, undefined)
      expect([path, answer.status, answer.headers['connection']]).toEqual([path, expected, 'close'])
    }
  })
})
