import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { ROUTES } from '../../../../src/decision/transport/http/routes.ts'
import { call, openWires, send, type Wires } from '../wires.ts'

let wires: Wires
beforeAll(async () => {
  wires = await openWires()
})
afterAll(() => wires.close())

const QUESTION = '{"user":"ann","tenant":"north","permission":"coding.medical-stay.read"'

function post(path: string, body: string | Uint8Array, headers: Record<string, string> = {}) {
  const all = { authorization: `Bearer ${wires.keys.decide}`, 'content-type': 'application/json', ...headers }
  return send(wires.http.port, { method: 'POST', path, headers: all }, body)
}

/** Sends bytes as they are and returns all that comes back until the server closes. */
function raw(text: string | Buffer): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    const socket = connect(wires.http.port, '127.0.0.1', () => socket.write(text))
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('error', () => resolve(Buffer.concat(chunks).toString()))
    socket.on('close', () => resolve(Buffer.concat(chunks).toString()))
  })
}

/** Malformed input was answered as such, and the next good question is answered as always. */
async function stillAnswers() {
  expect(await call(wires, 'POST', '/v1/check', JSON.parse(`${QUESTION}}`))).toMatchObject({ status: 200, json: { allowed: true } })
  expect(wires.admission.inFlight()).toBe(0)
  expect(wires.logged.filter((line) => line['level'] === 'error')).toEqual([])
}

const nested = (depth: number) => `${QUESTION},"resource":${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}}`

describe('malformed bodies', () => {
  const bodies: readonly (readonly [string, string | Uint8Array])[] = [
    ['empty', ''],
    ['blank', ' '],
    ['not JSON', '{'],
    ['trailing text', `${QUESTION}} x`],
    ['two values', `${QUESTION}}${QUESTION}}`],
    ['single quotes', "{'user':'ann'}"],
    ['a comment', `/**/${QUESTION}}`],
    ['NaN', `${QUESTION},"resource":{"a":NaN}}`],
    ['a list', '[]'],
    ['a list of a question', `[${QUESTION}}]`],
    ['null', 'null'],
    ['a number', '1'],
    ['a string', '"x"'],
    ['wrong types', '{"user":{},"tenant":[],"permission":1}'],
    ['null fields', '{"user":null,"tenant":null,"permission":null}'],
    ['a null resource', `${QUESTION},"resource":null}`],
    ['a list as resource', `${QUESTION},"resource":[]}`],
    ['depth 17 of a resource', nested(17)],
    ['depth 10,000', nested(10_000)],
    ['lists, 100,000 deep', `${QUESTION},"resource":{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}}`],
    ['lists that never close', '['.repeat(500_000)],
    ['a name given twice', `${QUESTION},"user":"bob"}`],
    ['a name given twice, once escaped', `${QUESTION},"us\\u0065r":"bob"}`],
    ['a name given twice in the resource', `${QUESTION},"resource":{"a":{"b":1,"c":[1,{"d":"x:y"}],"b":2}}}`],
    ['a number beyond doubles', `${QUESTION},"resource":{"a":1e400}}`],
    ['a huge minPosition', `${QUESTION},"minPosition":1e300}`],
    ['__proto__ at the top', `${QUESTION},"__proto__":{"resource":{}}}`],
    ['__proto__ in the resource', `${QUESTION},"resource":{"__proto__":{"a":1}}}`],
    ['half a surrogate pair in an id', '{"user":"\\ud800","tenant":"north","permission":"a.b"}'],
    ['half a surrogate pair in a value', `${QUESTION},"resource":{"a":"\\udfff"}}`],
    ['half a surrogate pair in a name', `${QUESTION},"resource":{"\\udfff":1}}`],
    ['half a surrogate pair in an unknown field', `${QUESTION},"\\udfff":1}`],
    ['a control character in an id', '{"user":"a\\u0000","tenant":"north","permission":"a.b"}'],
    ['invalid UTF-8', Buffer.concat([Buffer.from('{"user":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')])],
    ['an overlong form', Buffer.concat([Buffer.from('{"user":"'), Buffer.from([0xc0, 0xaf]), Buffer.from('"}')])],
    ['UTF-16', Buffer.from(`${QUESTION}}`, 'utf16le')],
    ['a byte order mark', `\ufeff${QUESTION}}`],
  ]
  it.each(bodies)('answers 400 to %s', async (_name, body) => {
    const answer = await post('/v1/check', body)
    expect(answer).toMatchObject({ status: 400, json: { code: 'request_invalid' } })
    expect(answer.json.violations.length).toBeGreaterThan(0)
    expect(answer.headers['content-type']).toBe('application/problem+json')
  })

  it('names the field that is given twice', async () => {
    const answer = await post('/v1/check', `${QUESTION},"resource":{"x":[{"b":1,"b":2}]}}`)
    expect(answer.json.violations).toEqual([{ field: 'body', message: 'must not give the name "b" twice in one object' }])
  })

  it('takes depth 16 and names that objects of JavaScript have of their own', async () => {
    expect(await post('/v1/check', nested(16))).toMatchObject({ status: 200 })
    const names = '{"constructor":1,"toString":2,"hasOwnProperty":3,"valueOf":{"prototype":":"}}'
    expect(await post('/v1/check', `${QUESTION},"resource":${names}}`)).toMatchObject({ status: 200 })
  })

  it('answers 413 to a body beyond 1 MiB, with and without a length, and 200 to the largest', async () => {
    const filler = (length: number) => `${QUESTION},"resource":{"a":"${'x'.repeat(length)}"}}`
    const most = 1_048_576 - Buffer.byteLength(filler(0))
    expect(await post('/v1/check', filler(most))).toMatchObject({ status: 200 })
    expect(await post('/v1/check', filler(most + 1))).toMatchObject({ status: 413, json: { code: 'body_too_large' } })
    const said = Buffer.from('POST /v1/check HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10485760\r\n')
    const key = Buffer.from(`Authorization: Bearer ${wires.keys.decide}\r\n\r\n`)
    expect(await raw(Buffer.concat([said, key, Buffer.alloc(100_000, 'x')]))).toMatch(/^HTTP\/1.1 413 [\s\S]*connection: close/i)
    const chunked = 'POST /v1/check HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n'
    const chunk = `100001\r\n${'x'.repeat(0x100001)}\r\n`
    expect(await raw(`${chunked}${key}${chunk}`)).toMatch(/^HTTP\/1.1 413 /)
  })

  it('answers 415 to any other type, character set or encoding', async () => {
    for (const headers of [
      { 'content-type': 'text/plain' },
      { 'content-type': 'application/json; charset=latin1' },
      { 'content-type': 'application/json; charset=utf-16' },
      { 'content-type': 'application/jsonp' },
      { 'content-type': 'application/x-www-form-urlencoded' },
      { 'content-type': '' },
      { 'content-encoding': 'gzip' },
    ]) {
      expect(await post('/v1/check', `${QUESTION}}`, headers as Record<string, string>)).toMatchObject({
        status: 415,
        json: { code: 'media_type_unsupported' },
      })
    }
    for (const type of ['application/json; charset=utf-8', 'application/JSON;charset="UTF-8"']) {
      expect(await post('/v1/check', `${QUESTION}}`, { 'content-type': type })).toMatchObject({ status: 200 })
    }
  })

  it('never answers 5xx to any JSON or to any bytes, on any route that takes a body', async () => {
    const routes = ROUTES.filter((route) => route.method === 'POST' || route.method === 'PUT').map((route) =>
      route.path.replaceAll(/\{\w+\}/g, 'x'),
    )
    const fields = fc.constantFrom(
      'user',
      'tenant',
      'permission',
      'resource',
      'items',
      'permissions',
      'minPosition',
      'role',
      'scopes',
      'name',
      'attributes',
      'wait',
    )
    const body = fc.oneof(
      fc.json(),
      fc.uint8Array({ maxLength: 64 }),
      fc.dictionary(fields, fc.jsonValue()).map((value) => JSON.stringify(value)),
    )
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...routes), body, async (path, sent) => {
        const answer = await post(path, sent, { authorization: `Bearer ${wires.keys.admin}` })
        expect(answer.status).toBeLessThan(500)
        if (answer.status >= 400)
          expect(answer.json).toMatchObject({ status: answer.status, code: expect.any(String), requestId: expect.any(String) })
      }),
      { numRuns: 300 },
    )
    await stillAnswers()
  })
})

describe('malformed requests', () => {
  it('answers paths of every kind with 4xx problems', async () => {
    for (const path of [
      '/%',
      '/%zz',
      '/v1/tenants/%',
      '/v1/users/%ff',
      '/v1/users/%c0%af',
      '/v1/tenants/..;/users',
      '/v1//check',
      '//v1/check',
      '/v1/check/',
      '/V1/check',
      '/v1/users/%00',
      '/v1/tenants/a%0ab',
      '/v1/users/%F0%9F',
      '/..',
      '/../../etc/passwd',
      '/%2e%2e/%2e%2e/etc/passwd',
      '/docs/../../package.json',
      '/docs/%2e%2e/package.json',
      '/v1/users/u?%',
      '/v1/users/u?a=%ff',
      '/v1/users/u?__proto__=1',
      '/?x',
    ]) {
      // biome-ignore format: a list of hostile paths
      const answer = await send(wires.http.port, { method: 'GET', path, headers: { authorization: `Bearer ${wires.keys.admin}` } })
      expect([path, Math.floor(answer.status / 100), answer.headers['content-type']]).toEqual([path, 4, 'application/problem+json'])
    }
    await stillAnswers()
  })

  it('answers a path of 64 KiB with 431 and headers beyond their bound too', async () => {
    const long = await raw(`GET /${'a'.repeat(65_536)} HTTP/1.1\r\nHost: x\r\n\r\n`)
    expect(long).toMatch(/^HTTP\/1.1 431 [\s\S]*application\/problem\+json[\s\S]*"status":431/)
    expect(await raw(`GET / HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(65_536)}\r\n\r\n`)).toMatch(/^HTTP\/1.1 431 /)
  })

  it('answers what is not HTTP with a 400 problem, and closes', async () => {
    for (const text of [
      'nonsense\r\n\r\n',
      'FOO /v1/check HTTP/1.1\r\nHost: x\r\n\r\n',
      'GET / HTTP/9.9\r\n\r\n',
      'GET /\u0000 HTTP/1.1\r\nHost: x\r\n\r\n',
    ]) {
      expect(await raw(text)).toMatch(/^HTTP\/1.1 400 [\s\S]*"code":"request_invalid"/)
    }
    expect(await raw('GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n')).toMatch(/^HTTP\/1.1 400 /)
    expect(await raw('POST /v1/check HTTP/1.1\r\nHost: x\r\nContent-Length: a\r\n\r\n')).toMatch(/^HTTP\/1.1 400 /)
    expect(await raw('GET / HTTP/1.1\r\n\r\n')).toMatch(/^HTTP\/1.1 400 [\s\S]*"field":"host"/)
    expect(await raw('POST /v1/check HTTP/1.1\r\nHost: x\r\nExpect: the-spanish-inquisition\r\nConnection: close\r\n\r\n')).toMatch(
      /^HTTP\/1.1 417 [\s\S]*problem/,
    )
    expect(await raw('CONNECT example.org:443 HTTP/1.1\r\nHost: x\r\n\r\n')).toMatch(/^HTTP\/1.1 405 [\s\S]*problem/)
    await stillAnswers()
  })

  it('answers every method on every route: 405 with Allow where it is not known', async () => {
    for (const path of new Set(ROUTES.map((route) => route.path.replaceAll(/\{\w+\}/g, 'x')))) {
      const known = ROUTES.filter((route) => route.path.replaceAll(/\{\w+\}/g, 'x') === path).map((route) => route.method as string)
      for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND']) {
        if (known.includes(method) || (method === 'HEAD' && known.includes('GET'))) continue
        const answer = await send(wires.http.port, { method, path })
        expect([path, method, answer.status]).toEqual([path, method, method === 'OPTIONS' ? 204 : 405])
        expect(String(answer.headers['allow']).split(', ').sort()).toEqual(
          [...new Set([...known, 'OPTIONS', ...(known.includes('GET') ? ['HEAD'] : [])])].sort(),
        )
        if (method !== 'HEAD' && method !== 'OPTIONS') expect(answer.json).toMatchObject({ code: 'method_not_allowed', status: 405 })
      }
    }
  })

  it('answers HEAD as GET without its body', async () => {
    const answer = await send(wires.http.port, {
      method: 'HEAD',
      path: '/v1/tenants',
      headers: { authorization: `Bearer ${wires.keys.admin}` },
    })
    expect(answer).toMatchObject({ status: 200, text: '' })
    expect(Number(answer.headers['content-length'])).toBeGreaterThan(10)
    expect(await send(wires.http.port, { method: 'HEAD', path: '/nowhere' })).toMatchObject({ status: 404, text: '' })
  })

  it('never crashes on random headers', async () => {
    const token = fc.string({ minLength: 1, maxLength: 40, unit: fc.constantFrom(...'abcXYZ-_!#$%&*+.^`|~0123456789') })
    const value = fc.string({ maxLength: 200, unit: fc.constantFrom(...' !"#$%&\'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~\u00e9') })
    const names = fc.constantFrom(
      'authorization',
      'content-type',
      'accept',
      'if-none-match',
      'x-request-id',
      'cookie',
      'range',
      'content-encoding',
      'te',
    )
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.oneof(names, token), value, { maxKeys: 6 }), async (headers) => {
        const { connection: _c, upgrade: _u, expect: _e, ...sent } = headers
        const answer = await send(wires.http.port, {
          method: 'GET',
          path: '/v1/tenants/north/users/ann/permissions',
          headers: { ...sent, host: 'x' },
        })
        expect(answer.status).toBeLessThan(500)
      }),
      { numRuns: 150 },
    )
    await stillAnswers()
  })
})
