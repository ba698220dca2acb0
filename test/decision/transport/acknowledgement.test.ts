/** Acknowledged changes and asked positions, as both wires carry them. */
import { type ServiceError, status } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { ROUTES } from '../../../src/decision/transport/http/routes.ts'
import { administrationClient, ask, bearer, type Client, call, decisionClient, detailsOf, openWires, type Wires } from './wires.ts'

let wires: Wires
let decisions: Client
let administration: Client
/** Of things that changes name by an id of ours. */
const ids = { assignment: '', caller: '', rotated: '' }
beforeAll(async () => {
  wires = await openWires()
  decisions = decisionClient(wires.grpc.port)
  administration = administrationClient(wires.grpc.port)
  const role = { role: 'reader' }
  ids.assignment = (await call(wires, 'POST', '/v1/tenants/north/users/dan/assignments', role)).json.id
  ids.rotated = (await call(wires, 'POST', '/v1/callers', { name: 'stays', scopes: ['decide'] })).json.caller.id
  ids.caller = (await call(wires, 'POST', '/v1/callers', { name: 'gone', scopes: ['decide'] })).json.caller.id
})
afterAll(async () => {
  decisions.close()
  administration.close()
  await wires.close()
})

const READ = 'coding.medical-stay.read'
/** Far beyond the head. */
const UNREACHED = 1_000_000_000

interface Change {
  readonly operation: string
  readonly method: 'PUT' | 'POST' | 'DELETE'
  readonly path: string
  /** Fields beside those of the path: a body, or a query for DELETE. */
  readonly fields: Readonly<Record<string, unknown>>
  readonly message: Readonly<Record<string, unknown>>
}

/** Every change there is. Some are so already when they are sent again, which is answered in the same way. */
function changes(): readonly Change[] {
  const change = (operation: string, method: Change['method'], path: string, place: object, fields: object): Change => ({
    operation,
    method,
    path,
    fields: { ...fields },
    message: { ...place, ...fields },
  })
  const reason = { reason: 'test' }
  const [emil, west] = [{ user: 'emil' }, { tenant: 'west' }]
  const held = '/v1/tenants/west/users/emil/assignments'
  return [
    change('PutTenant', 'PUT', '/v1/tenants/west', west, { displayName: 'West' }),
    change('SuspendTenant', 'POST', '/v1/tenants/west/suspend', west, {}),
    change('ResumeTenant', 'POST', '/v1/tenants/west/resume', west, reason),
    change('PutUser', 'PUT', '/v1/users/emil', emil, { displayName: 'Emil' }),
    change('DeactivateUser', 'POST', '/v1/users/emil/deactivate', emil, reason),
    change('ReactivateUser', 'POST', '/v1/users/emil/reactivate', emil, reason),
    change('CreateAssignment', 'POST', held, { ...west, ...emil }, { role: 'reader' }),
    change('RevokeRole', 'DELETE', held, { ...west, ...emil }, { role: 'reader' }),
    change('RevokeAssignment', 'DELETE', `/v1/tenants/north/users/dan/assignments/${ids.assignment}`, DAN, reason),
    change('CreateCaller', 'POST', '/v1/callers', {}, { name: 'new', scopes: ['decide'] }),
    change('RotateCaller', 'POST', `/v1/callers/${ids.rotated}/rotate`, { id: ids.rotated }, reason),
    change('RevokeCaller', 'DELETE', `/v1/callers/${ids.caller}`, { id: ids.caller }, {}),
  ].map((one) => (one.operation === 'RevokeAssignment' ? { ...one, message: { ...one.message, id: ids.assignment } } : one))
}
const DAN = { tenant: 'north', user: 'dan' }

function overHttp({ method, path, fields }: Change, more: Readonly<Record<string, unknown>>) {
  const all = { ...fields, ...more }
  if (method !== 'DELETE') return call(wires, method, path, all)
  const query = new URLSearchParams(Object.entries(all).map(([name, value]): [string, string] => [name, String(value)]))
  return call(wires, method, `${path}?${query.toString()}`)
}

describe('a change', () => {
  it('is tried here in every form that the contract has', () => {
    const asked = ROUTES.filter((route) => Object.hasOwn(route.request.shape, 'wait')).map((route) => route.operation)
    expect(asked.sort()).toEqual(
      changes()
        .map((change) => change.operation)
        .sort(),
    )
    // A policy changes nobody's access before it is in force, and is always waited for then.
    const changing = ROUTES.filter(
      ({ method, path, request }) => method !== 'GET' && Object.hasOwn(request.shape, 'reason') && !path.startsWith('/v1/policy/'),
    ).map((route) => route.operation)
    expect(asked).toEqual(changing.sort())
  })

  it.each([
    ['in force on every replica when nothing is said', {}, true],
    ['in force on every replica when it waits', { wait: true }, true],
    ['not waited for when it says so, with its position', { wait: false }, false],
  ])('is answered as %s, on both wires', async (_, more, effective) => {
    for (const change of changes()) {
      const http = await overHttp(change, more)
      expect([change.operation, http.status, http.json]).toEqual([
        change.operation,
        expect.any(Number),
        expect.objectContaining({ effective, position: expect.any(Number) }),
      ])
      expect(ROUTES.find((route) => route.operation === change.operation)?.response.safeParse(http.json).error).toBeUndefined()
      const grpc = await ask(administration, change.operation, { ...change.message, ...more }, wires.keys.admin)
      expect([change.operation, grpc.effective ?? false, grpc.position]).toEqual([change.operation, effective, expect.any(Number)])
    }
  })

  it('is refused by the field at fault when `wait` is neither true nor false', async () => {
    const bodies = ['false', 'true', '', 0, 1, null, [], {}].map((wait) => ({ wait }))
    for (const change of changes().filter(({ method }) => method !== 'DELETE')) {
      for (const body of bodies) {
        const answer = await overHttp(change, body)
        expect([change.operation, body, answer.status, answer.json.violations]).toEqual([
          change.operation,
          body,
          400,
          [{ field: 'wait', message: 'must be true or false' }],
        ])
      }
    }
    for (const change of changes().filter(({ method }) => method === 'DELETE')) {
      for (const wait of ['', 'no', '0', 'FALSE', 'null', ' false']) {
        const answer = await overHttp(change, { wait })
        expect([change.operation, wait, answer.status, answer.json.violations]).toEqual([
          change.operation,
          wait,
          400,
          [{ field: 'wait', message: 'must be true or false' }],
        ])
      }
    }
    const twice = await call(wires, 'DELETE', '/v1/tenants/west/users/emil/assignments?role=reader&wait=true&wait=false')
    expect(twice).toMatchObject({ status: 400, json: { violations: [{ field: 'wait', message: 'is given twice' }] } })
  })

  it('alone can wait: a question or a list that is told to is refused', async () => {
    const question = { user: 'ann', tenant: 'north', permission: READ }
    for (const answer of [
      await call(wires, 'POST', '/v1/check', { ...question, wait: false }),
      await call(wires, 'GET', '/v1/tenants?wait=false'),
      await call(wires, 'DELETE', '/v1/tenants/west/users/emil/assignments?role=reader&Wait=false'),
    ])
      expect(answer).toMatchObject({ status: 400, json: { violations: [{ message: expect.stringContaining('is not a field') }] } })
  })
})

describe('a question with a position', () => {
  const question = { user: 'fay', tenant: 'north', permission: READ }
  const listed = { user: 'fay', tenant: 'north', permissions: [READ] }

  /** One item over a stream. */
  function overStream(check: object): Promise<Client> {
    const stream = decisions.CheckStream(bearer(wires.keys.decide))
    const answered = new Promise<Client>((resolve, reject) => {
      stream.on('data', resolve)
      stream.on('error', reject)
    })
    stream.write({ id: 'a', check })
    stream.end()
    return answered
  }

  it('sees a change that was not waited for, in every form and on both wires', async () => {
    const path = '/v1/tenants/north/users/fay/assignments'
    for (const [method, address, allowed] of [
      ['POST', path, true],
      ['DELETE', `${path}?role=reader&wait=false`, false],
    ] as const) {
      const change = await call(wires, method, address, method === 'POST' ? { role: 'reader', wait: false } : undefined)
      const minPosition = change.json.position
      const items = [{ permission: READ }]
      const batch = { user: 'fay', tenant: 'north', items, minPosition }
      const decide = wires.keys.decide
      const answers = [
        (await call(wires, 'POST', '/v1/check', { ...question, minPosition })).json,
        (await call(wires, 'POST', '/v1/check/batch', batch)).json.items[0].decision,
        (await call(wires, 'POST', '/v1/explain', { ...question, minPosition })).json.decision,
        await ask(decisions, 'Check', { ...question, minPosition }, decide),
        (await ask(decisions, 'BatchCheck', batch, decide)).items[0].decision,
        (await ask(decisions, 'Explain', { ...question, minPosition }, decide)).decision,
        (await overStream({ ...question, minPosition })).decision,
      ]
      expect(answers.map((answer) => answer.allowed ?? false)).toEqual(answers.map(() => allowed))
      const many = [
        (await call(wires, 'POST', '/v1/check/permissions', { ...listed, minPosition })).json,
        await ask(decisions, 'CheckPermissions', { ...listed, minPosition }, decide),
      ]
      expect(many.map((answer) => answer.allowed)).toEqual([[allowed], [allowed]])
      for (const answer of [...answers, ...many]) expect(answer.position).toBeGreaterThanOrEqual(minPosition)
    }
  })

  it('is an error that says so where the position cannot be reached, never a deny; in a batch and a stream the item’s own', async () => {
    const minPosition = UNREACHED
    const items = [{ permission: READ }, { permission: READ, user: 'bob' }]
    for (const [path, body] of [
      ['/v1/check', { ...question, minPosition }],
      ['/v1/check/permissions', { ...listed, minPosition }],
      ['/v1/explain', { ...question, minPosition }],
    ] as const)
      expect(await call(wires, 'POST', path, body)).toMatchObject({
        status: 503,
        headers: { 'retry-after': expect.any(String) },
        json: { code: 'position_not_reached' },
      })
    for (const [method, message] of [
      ['Check', { ...question, minPosition }],
      ['CheckPermissions', { ...listed, minPosition }],
      ['Explain', { ...question, minPosition }],
    ] as const) {
      const fault = await ask(decisions, method, message, wires.keys.decide).then(
        () => undefined,
        (reason: ServiceError) => reason,
      )
      expect([method, fault?.code]).toEqual([method, status.UNAVAILABLE])
      expect(detailsOf(fault as ServiceError).details).toMatchObject([{ reason: 'POSITION_NOT_REACHED' }, { type: 'google.rpc.RetryInfo' }])
    }
    const batch = { user: 'fay', tenant: 'north', items, minPosition }
    const unreached = { error: { code: 'position_not_reached' } }
    expect((await call(wires, 'POST', '/v1/check/batch', batch)).json.items).toMatchObject([unreached, unreached])
    expect((await ask(decisions, 'BatchCheck', batch, wires.keys.decide)).items).toMatchObject([unreached, unreached])
    expect(await overStream({ ...question, minPosition })).toMatchObject(unreached)
  })

  it('is answered with a position, and so are lists, on both wires', async () => {
    const granted = await call(wires, 'POST', '/v1/tenants/north/users/gus/assignments', { role: 'reader' })
    const decide = wires.keys.decide
    for (const answer of [
      (await call(wires, 'GET', '/v1/tenants/north/users/gus/permissions')).json,
      (await call(wires, 'GET', `/v1/tenants/north/permissions/${READ}/users`)).json,
      await ask(decisions, 'ListPermissions', { user: 'gus', tenant: 'north' }, decide),
      await ask(decisions, 'ListUsers', { tenant: 'north', permission: READ }, decide),
    ])
      expect(answer.position).toBeGreaterThanOrEqual(granted.json.position)
  })
})
