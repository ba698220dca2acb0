/** Express: nothing goes on that was not allowed, whoever fails and however; and routes that nobody guards are found. */
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals'
import express, { type NextFunction, type Request, type Response } from 'express'
import type { Client } from '../../../src/client/client.ts'
import { DeniedError, InvalidRequestError, UnauthenticatedError } from '../../../src/client/errors.ts'
import { createGuard, type ExpressGuard } from '../../../src/client/guard/express.ts'
import { createGuard as createFastifyGuard } from '../../../src/client/guard/fastify.ts'
import { createGuard as createGrpcGuard } from '../../../src/client/guard/grpc.ts'
import { CastellanGuard } from '../../../src/client/guard/nest.ts'
import { ManualClock, settle } from '../../support/manual-clock.ts'
import {
  FAILURES,
  failAsTold,
  failing,
  type GuardHouse,
  hanging,
  hear,
  leftAlone,
  ODD_HEADERS,
  openGuardHouse,
  type Serving,
  serve,
} from './guard-house.ts'

const ok = (_request: Request, response: Response) => void response.json({ handler: 'ran' })
const CREATE = 'sales.quote.create'
const SEND = 'sales.quote.send'
const PAYOUT = 'finance.payout.create'

let house: GuardHouse
let serving: Serving | undefined
beforeAll(async () => {
  house = await openGuardHouse()
})
afterEach(async () => {
  await serving?.close()
  serving = undefined
})

/** Serves what `build` makes, with our error handler last. @returns the address */
async function app(
  build: (app: express.Express, guard: ExpressGuard) => void,
  client: Client = house.client,
  options = {},
): Promise<string> {
  const made = express()
  const guard = createGuard(client, options)
  build(made, guard)
  made.use(guard.errorHandler())
  made.use((fault: unknown, _request: Request, response: Response, _next: NextFunction) => {
    response.status(500).json({ application: fault instanceof Error ? fault.name : typeof fault })
  })
  serving = await serve(made)
  return serving.url
}

describe('require', () => {
  it('lets through who is allowed, and tells the handler who that is', async () => {
    const url = await app((app, guard) => {
      app.get('/', guard.require(CREATE), async (request, response) => {
        const access = guard.access(request)
        response.json({
          reason: access.decisions[0]?.reason,
          payout: await access.can(PAYOUT),
          send: await access.can(SEND, { amount: 10, discountPercent: 0 }),
        })
      })
    })
    expect(await hear(url, house.ann)).toMatchObject({ status: 200, body: { reason: 'ROLE', payout: false, send: true } })
  })

  it('answers a deny with its reason as application/problem+json', async () => {
    const url = await app((app, guard) => app.get('/', guard.require(PAYOUT), ok))
    const heard = await hear(url, house.ann)
    expect(heard).toMatchObject({ status: 403, type: 'application/problem+json' })
    expect(heard.body).toEqual({
      ...{ type: 'urn:castellan:problem:denied', title: 'This is not allowed', status: 403, code: 'denied' },
      ...{ detail: 'Whoever called may not do this.', reason: 'ROLE_LACKS_PERMISSION' },
    })
  })

  it('answers 401 with a challenge to nobody, to another scheme, and to what is no token or over', async () => {
    const url = await app((app, guard) => app.get('/', guard.require(CREATE), ok))
    const gone = house.client.logIn({ user: 'ann', tenant: 'acme' })
    house.client.logOut(gone)
    const nobody = await hear(url)
    expect(nobody).toMatchObject({ status: 401, body: { code: 'credentials_missing' } })
    expect(nobody.headers.get('www-authenticate')).toBe('Bearer')
    expect(await hear(url, undefined, { headers: { authorization: 'Basic YTpi' } })).toMatchObject({
      status: 401,
      body: { code: 'credentials_missing' },
    })
    for (const authorization of ['Bearer', 'Bearer a b', `Bearer ${'a'.repeat(9_000)}`, 'Bearer ä']) {
      const heard = await hear(url, undefined, { headers: { authorization: Buffer.from(authorization).toString('latin1') } })
      expect(heard).toMatchObject({ status: 401, body: { code: 'token_invalid' } })
      expect(heard.headers.get('www-authenticate')).toContain('Bearer error="invalid_token"')
    }
    expect(await hear(url, gone)).toMatchObject({ status: 401, body: { code: 'token_revoked', reason: 'TOKEN_REVOKED' } })
    expect(await hear(url, 'forged')).toMatchObject({ status: 401, body: { code: 'token_invalid', reason: 'TOKEN_INVALID' } })
  })

  it('any lets through by one of several, all by every one; a deny tells the first reason', async () => {
    const url = await app((app, guard) => {
      app.get('/any', guard.require.any(PAYOUT, CREATE), ok)
      app.get('/all', guard.require.all(CREATE, PAYOUT), ok)
      app.get('/none', guard.require.any('no.such.permission', PAYOUT), ok)
      app.get('/both', guard.require.all(CREATE, SEND, { resource: () => ({ amount: 10, discountPercent: 0 }) }), ok)
    })
    expect((await hear(`${url}/any`, house.ann)).status).toBe(200)
    expect(await hear(`${url}/all`, house.ann)).toMatchObject({ status: 403, body: { reason: 'ROLE_LACKS_PERMISSION' } })
    expect(await hear(`${url}/none`, house.ann)).toMatchObject({ status: 403, body: { reason: 'UNKNOWN_PERMISSION' } })
    expect((await hear(`${url}/both`, house.ann)).status).toBe(200)
    expect((await hear(`${url}/any`, house.bob)).status).toBe(403)
  })

  it('asks with the resource that was loaded; when that fails, nobody is asked and nothing goes on', async () => {
    const url = await app((app, guard) => {
      const amount = async (request: Request) => ({ amount: Number(request.params['amount']), discountPercent: 0 })
      app.get('/of/:amount', guard.require(SEND, { resource: amount }), ok)
      app.get('/throws', guard.require(CREATE, { resource: () => Promise.reject(new RangeError('no database')) }), ok)
      app.get('/undefined', guard.require(CREATE, { resource: () => undefined }), ok)
      // A row that is not there must not become a question about no row.
      app.get('/null', guard.require(CREATE, { resource: () => null as never }), ok)
      app.get(
        '/ours',
        guard.require(CREATE, {
          resource: () => {
            throw new DeniedError({ permission: 'x' }, decision)
          },
        }),
        ok,
      )
    })
    const decision = { allowed: false, reason: 'TENANT_SUSPENDED', policyRevision: '', position: 0, via: [] }
    expect((await hear(`${url}/of/10`, house.ann)).status).toBe(200)
    expect(await hear(`${url}/of/12000`, house.ann)).toMatchObject({ status: 403, body: { reason: 'CONDITION_FAILED' } })
    expect(await hear(`${url}/throws`, house.ann)).toMatchObject({ status: 500, body: { application: 'RangeError' } })
    expect((await hear(`${url}/undefined`, house.ann)).status).toBe(200)
    expect(await hear(`${url}/null`, house.ann)).toMatchObject({ status: 500, body: { code: 'internal' } })
    expect(await hear(`${url}/ours`, house.ann)).toMatchObject({ status: 403, body: { reason: 'TENANT_SUSPENDED' } })
  })

  it.each(FAILURES)('lets nobody through when %s', async (_name, client, status) => {
    const heardOf: unknown[] = []
    const url = await app(
      (app, guard) => {
        app.get('/one', guard.require(CREATE), ok)
        app.get('/two', guard.require.any(CREATE, SEND), ok)
      },
      client,
      { onError: (error: unknown) => heardOf.push(error) },
    )
    for (const path of ['/one', '/two']) {
      const heard = await hear(url + path, house.ann)
      expect(heard.status).toBeGreaterThanOrEqual(500)
      expect(JSON.stringify(heard.body)).not.toMatch(/ran|secret/)
    }
    const one = await hear(`${url}/one`, house.ann)
    expect(one.status).toBe(status)
    if (status === 503) expect(Number(one.headers.get('retry-after'))).toBeGreaterThan(0)
    if (one.body.code !== undefined) expect(heardOf.length).toBeGreaterThan(0)
  })

  it('lets nobody through on fewer answers than questions, whoever made the client', async () => {
    const allowed = { allowed: true, reason: 'ROLE', policyRevision: 'x', position: 1, via: ['salesperson'] }
    const short: Client = { ...house.client, for: (subject) => ({ ...house.client.for(subject), checkAll: async () => [allowed] }) }
    const url = await app((app, guard) => {
      app.get('/all', guard.require.all(CREATE, PAYOUT), ok)
      app.get('/any', guard.require.any(CREATE, PAYOUT), ok)
    }, short)
    expect((await hear(`${url}/all`, house.ann)).status).toBe(503)
    expect((await hear(`${url}/any`, house.ann)).status).toBe(503)
  })

  it.each<[string, () => Client, object, object]>([
    ['a client that never answers', hanging, {}, {}],
    ['a subject that is never known', () => house.client, { subject: () => new Promise(() => undefined) }, {}],
    ['a resource that is never loaded', () => house.client, {}, { resource: () => new Promise(() => undefined) }],
  ])('ends the wait for %s', async (_name, client, options, required) => {
    const clock = new ManualClock()
    let asked = () => {}
    const wasAsked = new Promise<void>((resolve) => {
      asked = resolve
    })
    const watched = {
      after: (ms: number, run: () => void) => {
        const cancel = clock.after(ms, run)
        asked()
        return cancel
      },
    }
    const url = await app((app, guard) => app.get('/', guard.require(CREATE, required), ok), client(), {
      ...{ clock: watched, deadlineMs: 500 },
      ...options,
    })
    const heard = hear(url, house.ann)
    await wasAsked
    clock.advance(1_500)
    expect(await heard).toMatchObject({ status: 503, body: { code: 'unavailable' } })
    expect(clock.waiting).toBe(0)
  })

  it('ends the wait when whoever called is gone, which is no fault to hear of', async () => {
    const alone = leftAlone()
    const heard: unknown[] = []
    const url = await app((app, guard) => app.get('/', guard.require(CREATE), ok), alone.client, { onError: (e: unknown) => heard.push(e) })
    await alone.leave(url, house.ann)
    await settle()
    expect(heard).toEqual([])
  })

  it('loads nothing, and asks nobody, for a caller who left while the subject was read', async () => {
    const loaded: unknown[] = []
    let [began, left, know] = [() => {}, () => {}, (_subject: object) => {}]
    const hasBegun = new Promise<void>((resolve) => {
      began = resolve
    })
    const hasLeft = new Promise<void>((resolve) => {
      left = resolve
    })
    const known = new Promise<object>((resolve) => {
      know = resolve
    })
    const subject = () => {
      began()
      return known
    }
    const url = await app(
      (app, guard) => {
        app.use((_request, response, next) => {
          response.once('close', left)
          next()
        })
        app.get('/', guard.require(CREATE, { resource: () => void loaded.push('loaded') as undefined }), ok)
      },
      house.client,
      { subject },
    )
    const caller = new AbortController()
    const heard = fetch(url, { signal: caller.signal }).catch(() => undefined)
    await hasBegun
    caller.abort()
    await hasLeft
    know({ user: 'ann', tenant: 'acme' })
    await settle()
    await heard
    expect(loaded).toEqual([])
  })

  it('lets nobody through when the subject cannot be read', async () => {
    const answer = async (subject: unknown) => {
      const url = await app((app, guard) => app.get('/', guard.require(CREATE), ok), house.client, { subject })
      const { status, body } = await hear(url, house.ann)
      await serving?.close()
      serving = undefined
      return [status, body.code ?? body.application]
    }
    expect(await answer(() => undefined)).toEqual([401, 'credentials_missing'])
    expect(await answer(() => null)).toEqual([401, 'credentials_missing'])
    expect(
      await answer(() => {
        throw new RangeError()
      }),
    ).toEqual([500, 'RangeError'])
    expect(await answer(() => Promise.reject(undefined))).toEqual([500, 'Error'])
    expect(
      await answer(() => {
        throw new UnauthenticatedError('x', { code: 'of-the-application' })
      }),
    ).toEqual([401, 'credentials_refused'])
    expect(await answer(() => ({ user: 'ann', tenant: '' }))).toEqual([500, 'internal'])
    expect(await answer(() => ({ user: 'ann', tenant: 'acme', accessToken: 'x' }))).toEqual([500, 'internal'])
    expect(await answer(() => 'ann')).toEqual([500, 'internal'])
    // What the service would not take as a name came with the request.
    expect(await answer(() => ({ user: 'a\nb', tenant: 'acme' }))).toEqual([400, 'request_invalid'])
  })

  it('goes on for nothing that the subject or a resource loader throws, whatever Express takes for no error', async () => {
    const subject = (request: Request) => failAsTold('subject', request) ?? { user: 'ann', tenant: 'acme' }
    const url = await app(
      (app, guard) => {
        const required = guard.require<Request>(CREATE, { resource: (request) => failAsTold('resource', request) })
        app.get('/got', required, ok)
        app.use('/used', required)
        app.get('/used', ok)
        app.use('/routed', express.Router().use(required).get('/', ok))
        app.use(ok)
      },
      house.client,
      { subject },
    )
    expect(await hear(`${url}/used`)).toMatchObject({ status: 200, body: { handler: 'ran' } })
    for (const path of ['/got', '/used', '/routed'])
      for (const headers of ODD_HEADERS) {
        const { status, body } = await hear(url + path, undefined, { headers })
        expect([path, headers, status, body]).toEqual([path, headers, 500, { application: 'Error' }])
      }
  })

  it('keeps the error of an application as it is, with the status of an error that it names', async () => {
    class Missing extends Error {
      readonly status = 404
    }
    const heard: unknown[] = []
    const missing = new Missing('x')
    const url = await app((app, guard) => {
      app.get('/', guard.require(CREATE, { resource: () => Promise.reject(missing) }), ok)
      app.use((fault: unknown, _request: Request, _response: Response, next: NextFunction) => next(heard.push(fault)))
    })
    await hear(url, house.ann)
    expect(heard[0]).toBe(missing)
  })

  it('tells what only the application can mend as its own fault', async () => {
    const wrong = new InvalidRequestError('x', {
      code: 'request_invalid',
      violations: [
        { field: 'resource', message: 'too large' },
        { field: 'user', message: 'x' },
      ],
    })
    const url = await app((app, guard) => app.get('/', guard.require(CREATE), ok), failing(wrong))
    expect(await hear(url, house.ann)).toMatchObject({ status: 500, body: { code: 'internal' } })
  })

  it('holds each of two guards, and each method that runs the handler', async () => {
    const url = await app((app, guard) => {
      app.get('/', guard.require(CREATE), guard.require(PAYOUT), ok)
      app.use('/used', guard.require(PAYOUT), ok)
    })
    expect((await hear(url, house.ann)).status).toBe(403)
    expect((await hear(url, house.ann, { method: 'HEAD' })).status).toBe(403)
    for (const method of ['HEAD', 'OPTIONS', 'POST', 'PROPFIND'])
      expect((await hear(`${url}/used`, house.ann, { method })).status).toBe(403)
    const allowed = await hear(url, house.ann, { method: 'OPTIONS' })
    expect(JSON.stringify(allowed.body)).not.toContain('ran')
  })

  it('is no way around by a path that is spelled in another way', async () => {
    const url = await app((app, guard) => {
      app.use('/guarded', guard.require(PAYOUT))
      app.get('/guarded/x', ok)
    })
    for (const path of ['/guarded/x', '/GUARDED/x', '/guarded/x/', '/guarded/X'])
      expect((await hear(url + path, house.ann)).status).toBe(403)
    for (const path of ['//guarded/x', '/guarded//x', '/%67uarded/x', '/guarded%2fx', '/./guarded/x;a'])
      expect(JSON.stringify((await hear(url + path, house.ann)).body)).not.toContain('ran')
  })

  it('runs the handler once, and leaves its errors to the application', async () => {
    let runs = 0
    const url = await app((app, guard) => {
      app.get('/', guard.require(CREATE), () => {
        runs += 1
        throw new RangeError('mine')
      })
      app.get('/begun', guard.require(CREATE), async (request, response, next) => {
        response.write('begun')
        await guard.access(request).enforce(PAYOUT).catch(next)
      })
    })
    expect(await hear(url, house.ann)).toMatchObject({ status: 500, body: { application: 'RangeError' } })
    expect(runs).toBe(1)
    // Headers are out: Express ends the connection rather than that the answer looks whole.
    await expect(hear(`${url}/begun`, house.ann)).rejects.toThrow()
  })

  it('gives no access that the request brings itself, and none where no guard was', async () => {
    const url = await app((app, guard) => {
      app.use(express.json())
      app.post('/', (request, response) => void response.json(guard.access(Object.assign(request, request.body)).subject))
    })
    const body = JSON.stringify({ castellan: {}, __proto__x: 1, access: { subject: 'ann' } })
    const heard = await hear(url, house.ann, { method: 'POST', body, headers: { 'content-type': 'application/json' } })
    expect(heard).toMatchObject({ status: 500, body: { application: 'TypeError' } })
  })

  it('is refused when it is built without a permission, with a misspelt option, or public without a sentence', () => {
    const { require } = createGuard(house.client)
    for (const build of [
      () => require(''),
      () => require('finance read'),
      () => require.any(...([] as unknown as ['x'])),
      () => require.all(...([{ resource: () => undefined }] as unknown as ['x'])),
      () => require(CREATE, { resorce: () => ({}) } as object),
      () => require(CREATE, { resource: {} } as never),
      () => require(undefined as never),
      () => require.public(''),
      () => require.public('health'),
    ])
      expect(build).toThrow(TypeError)
  })

  it('gives an access whose subject no handler can change', async () => {
    const url = await app((app, guard) => {
      app.get('/', guard.require(CREATE), (request, response) => {
        const { subject } = guard.access(request)
        const changed = Reflect.set(subject, 'user', 'director') || Reflect.set(subject, 'accessToken', 'x')
        response.json({ changed, names: Object.keys(subject) })
      })
    })
    expect(await hear(url, house.ann)).toMatchObject({ status: 200, body: { changed: false, names: ['accessToken'] } })
  })
})

it.each<[string, (options: object) => unknown]>([
  ['Express', (options) => createGuard(house.client, options)],
  ['Fastify', (options) => createFastifyGuard(house.client, options)],
  ['gRPC', (options) => createGrpcGuard(house.client, options)],
  ['NestJS', (options) => new CastellanGuard(house.client, options)],
])('a guard of %s is refused with options that it does not have, or that are of no use', (_name, create) => {
  expect(() => create({ subject: () => undefined, deadlineMs: 5, tellHints: true, onError: undefined })).not.toThrow()
  const odd: readonly object[] = [
    { subjekt: () => undefined },
    { subject: 'ann' },
    { subject: null },
    { subject: { user: 'ann', tenant: 'acme' } },
    { deadlineMs: 0 },
    { deadlineMs: '500' },
    { tellHints: 'no' },
    { onError: {} },
    { clock: {} },
  ]
  for (const options of odd) expect(() => create(options)).toThrow(TypeError)
  expect(() => create(null as never)).toThrow(TypeError)
})
