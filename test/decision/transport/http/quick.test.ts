/** The hot routes answer at once what they would answer after waiting: every request is sent to two wires over one house, one of which knows nobody from memory. */
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { openHttpWire } from '../../../../src/decision/transport/http/open.ts'
import type { Caller } from '../../../../src/model/caller.ts'
import type { Decided } from '../../../../src/model/decision-record.ts'
import type { HttpServer } from '../../../../src/wire/http/server.ts'
import { type Answer, openWires, send, type Wires } from '../wires.ts'

let wires: Wires
let patient: HttpServer
let recalled: (Caller | undefined)[]
let decided: Decided[]

beforeAll(async () => {
  decided = []
  recalled = []
  wires = await openWires((needs) => {
    const { authentication, observer } = needs
    return {
      ...needs,
      authentication: {
        ...authentication,
        recall(authorization) {
          const caller = authentication.recall?.(authorization)
          recalled.push(caller)
          return caller
        },
      },
      observer: {
        decided(event) {
          decided.push(event)
          observer.decided(event)
        },
      },
    }
  })
  const { authenticate } = wires.needs.authentication
  patient = await openHttpWire({ ...wires.needs, authentication: { authenticate }, readiness: async () => wires.readiness }, { hot: false })
})

afterAll(async () => {
  await patient.close()
  await wires.close()
})

const PATHS = ['/v1/check', '/v1/check/batch', '/v1/check/permissions'] as const
const headersOf = (key: string) => ({ authorization: `Bearer ${key}`, 'content-type': 'application/json' })

/** Without what is another one in each answer. */
function comparable({ status, headers, text }: Answer): unknown {
  const { date: _date, 'x-request-id': _id, 'content-length': _length, ...same } = headers
  return { status, headers: same, text: text.replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}/g, 'id') }
}

async function both(path: string, body: string, headers: Record<string, string>): Promise<readonly [unknown, unknown]> {
  const options = { method: 'POST', path, headers: { ...headers, 'content-length': String(Buffer.byteLength(body)) } }
  const answers = [await send(wires.http.port, options, body), await send(patient.port, options, body)] as const
  return [comparable(answers[0]), comparable(answers[1])]
}

const user = fc.constantFrom('ann', 'bob', 'nobody', '', 'x\u0000', 7)
const tenant = fc.constantFrom('north', 'south', 'west', '')
const permission = fc.constantFrom('coding.medical-stay.read', 'coding.medical-stay.validate', 'coding.medical-stay.reed', 'no', '')
const question = fc.record(
  {
    user,
    tenant,
    permission,
    resource: fc.constantFrom({ id: '1' }, [], 'x'),
    minPosition: fc.constantFrom(1, -1, 10_000),
    other: fc.constant(1),
  },
  { requiredKeys: [] },
)
const good = fc.record({ user: fc.constantFrom('ann', 'bob'), tenant: fc.constant('north'), permission })
const bodies = fc.oneof(
  good,
  question,
  fc.record({ items: fc.array(fc.oneof(good, question), { maxLength: 4 }) }, { requiredKeys: [] }),
  fc.record({ user, tenant, permissions: fc.array(permission, { maxLength: 4 }) }, { requiredKeys: ['permissions'] }),
)
const texts = fc.oneof(
  { weight: 8, arbitrary: bodies.map((body) => JSON.stringify(body)) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('', '{', '[]', 'null', '{"user":"ann","user":"bob","tenant":"north","permission":"a"}', '{"__proto__":1}'),
  },
)

describe('a hot route', () => {
  test('answers at once what it answers after waiting: status, headers and body, of good and of bad requests, for every caller', async () => {
    const keys = [wires.keys.admin, wires.keys.decide, wires.keys.limited, 'wrong']
    const before = recalled.length
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...PATHS), texts, fc.constantFrom(...keys), async (path, text, key) => {
        const [quick, whole] = await both(path, text, headersOf(key))
        expect(quick).toEqual(whole)
      }),
      { numRuns: 150 },
    )
    // Otherwise both were the patient one.
    expect(recalled.slice(before).filter((caller) => caller !== undefined).length).toBeGreaterThan(50)
  })

  test.each(['application/json; charset=utf-8', 'text/plain', 'APPLICATION/JSON'])(
    'takes the type %s as it does after waiting',
    async (type) => {
      const body = JSON.stringify({ user: 'ann', tenant: 'north', permission: 'coding.medical-stay.read' })
      const [quick, whole] = await both('/v1/check', body, { ...headersOf(wires.keys.decide), 'content-type': type })
      expect(quick).toEqual(whole)
    },
  )

  test('records each decision once, also where a fault came after some of a batch, and says the request id back', async () => {
    const ask = { user: 'ann', tenant: 'north', permission: 'coding.medical-stay.read' }
    await send(wires.http.port, { method: 'POST', path: '/v1/check', headers: headersOf(wires.keys.decide) }, JSON.stringify(ask))
    decided.length = 0
    const headers = { ...headersOf(wires.keys.decide), 'x-request-id': 'mine', traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` }
    const body = JSON.stringify({ items: [ask, { ...ask, user: '' }, { ...ask, user: 'bob' }] })
    const answer = await send(wires.http.port, { method: 'POST', path: '/v1/check/batch', headers }, body)
    expect(answer.headers['x-request-id']).toBe('mine')
    expect(answer.json.items.map((item: { error?: { code: string } }) => item.error?.code)).toEqual([
      undefined,
      'request_invalid',
      undefined,
    ])
    expect(decided.map(({ method, requestId, trace, decision }) => [method, requestId, trace?.traceId, decision.basis.user])).toEqual([
      ['BatchCheck', 'mine', 'a'.repeat(32), 'ann'],
      ['BatchCheck', 'mine', 'a'.repeat(32), 'bob'],
    ])
  })

  test('a body that comes byte by byte, and requests one behind the other in one packet, are answered in order', async () => {
    const body = JSON.stringify({ user: 'ann', tenant: 'north', permission: 'coding.medical-stay.read' })
    const request = [
      'POST /v1/check HTTP/1.1',
      'host: x',
      `authorization: Bearer ${wires.keys.decide}`,
      'content-type: application/json',
      `content-length: ${body.length}`,
      '',
      body,
    ].join('\r\n')
    const heard = await new Promise<string>((resolve, reject) => {
      let text = ''
      const socket = connect(wires.http.port, '127.0.0.1')
      socket.setNoDelay(true)
      socket.on('error', reject)
      socket.on('data', (chunk) => {
        text += chunk.toString()
        if (text.split('"allowed":true').length === 5) socket.end()
      })
      socket.on('close', () => resolve(text))
      socket.write(request.repeat(3))
      let at = 0
      const next = () => {
        if (at < request.length) socket.write(request[at++] as string, () => setImmediate(next))
      }
      next()
    })
    expect(heard.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(4)
    expect(heard.match(/"allowed":true/g)).toHaveLength(4)
  })

  test.each([
    ['what is no HTTP', (request: string) => `${request}garbage\r\n\r\n`, [/^HTTP\/1\.1 200 OK/, /^HTTP\/1\.1 400 /]],
    [
      'half of another one',
      (request: string) => `${request}${request}POST /v1\u0000`,
      [/^HTTP\/1\.1 200/, /^HTTP\/1\.1 200/, /^HTTP\/1\.1 400 /],
    ],
    [
      'one more, after it said that it is the last',
      (request: string) => request.replace('host: x', 'host: x\r\nconnection: close') + request,
      [/200 OK/],
    ],
  ] as const)(
    'a good request is answered at once and after waiting, also where %s comes with it in one packet',
    async (_what, textOf, expected) => {
      const body = JSON.stringify({ user: 'ann', tenant: 'north', permission: 'coding.medical-stay.read' })
      const head = ['POST /v1/check HTTP/1.1', 'host: x', `authorization: Bearer ${wires.keys.decide}`, 'content-type: application/json']
      const request = [...head, `content-length: ${body.length}`, '', body].join('\r\n')
      for (const { port } of [wires.http, patient]) {
        const heard = await new Promise<string>((resolve, reject) => {
          let text = ''
          const socket = connect(port, '127.0.0.1', () => socket.write(textOf(request)))
          socket.on('data', (chunk) => {
            text += chunk.toString()
          })
          socket.on('error', reject)
          socket.on('close', () => resolve(text))
        })
        const answers = heard.split(/(?=HTTP\/1\.1 \d)/)
        expect(answers).toEqual(expected.map((one) => expect.stringMatching(one)))
        expect(answers[0]).toContain('"allowed":true')
      }
    },
  )

  test('a key that is revoked is refused from that answer on', async () => {
    const { house } = wires
    const made = await house.administration.createCaller(house.context, { name: 'short', scopes: ['decide'] })
    const body = JSON.stringify({ user: 'ann', tenant: 'north', permission: 'coding.medical-stay.read' })
    const ask = () => send(wires.http.port, { method: 'POST', path: '/v1/check', headers: headersOf(made.key) }, body)
    expect([(await ask()).status, (await ask()).status, (await ask()).status]).toEqual([200, 200, 200])
    expect(recalled.at(-1)?.name).toBe('short')
    await house.administration.revokeCaller(house.context, made.record.id)
    expect((await ask()).status).toBe(401)
  })
})
