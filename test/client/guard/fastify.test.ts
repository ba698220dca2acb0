/** Fastify: nothing goes on that was not allowed; and routes that nobody guards are found, also through plugins. */
import type { AddressInfo } from 'node:net'
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals'
import fastify, { type FastifyInstance } from 'fastify'
import type { Client } from '../../../src/client/client.ts'
import { createGuard, type FastifyGuard } from '../../../src/client/guard/fastify.ts'
import { settle } from '../../support/manual-clock.ts'
import { FAILURES, failAsTold, type GuardHouse, hear as hearAt, leftAlone, ODD_HEADERS, openGuardHouse } from './guard-house.ts'

const CREATE = 'sales.quote.create'
const SEND = 'sales.quote.send'
const PAYOUT = 'finance.payout.create'
const ok = async () => ({ handler: 'ran' })

let house: GuardHouse
let app: FastifyInstance
let guard: FastifyGuard
beforeAll(async () => {
  house = await openGuardHouse()
})
afterEach(() => app.close())

function open(client: Client = house.client, options = {}): void {
  app = fastify()
  guard = createGuard(client, options)
  guard.watch(app)
  app.setErrorHandler(guard.errorHandler())
}

/** The application listens from the first request on. */
async function hear(path: string, token?: string, method = 'GET', headers: Record<string, string> = {}) {
  if (!app.server.listening) await app.listen({ host: '127.0.0.1', port: 0 })
  return await hearAt(`http://127.0.0.1:${(app.server.address() as AddressInfo).port}${path}`, token, { method, headers })
}

describe('require', () => {
  it('lets through who is allowed, tells the handler who that is, and answers others as application/problem+json', async () => {
    open()
    app.get('/', { preHandler: guard.require(CREATE) }, async (request) => ({ payout: await guard.access(request).can(PAYOUT) }))
    app.get('/denied', { onRequest: guard.require.any(PAYOUT, 'finance.payout.approve') }, ok)
    app.get<{ Params: { amount: string } }>(
      '/send/:amount',
      {
        preHandler: [
          guard.require(SEND, {
            resource: (request: { headers: object; params: { amount: string } }) => ({
              amount: Number(request.params.amount),
              discountPercent: 0,
            }),
          }),
        ],
      },
      ok,
    )
    expect(await hear('/', house.ann)).toMatchObject({ status: 200, body: { payout: false } })
    const denied = await hear('/denied', house.ann)
    expect(denied).toMatchObject({ status: 403, type: 'application/problem+json' })
    expect(denied.body).toMatchObject({ code: 'denied', reason: 'ROLE_LACKS_PERMISSION', status: 403 })
    const nobody = await hear('/')
    expect([nobody.status, nobody.headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
    expect((await hear('/send/10', house.ann)).status).toBe(200)
    expect((await hear('/send/12000', house.ann)).body).toMatchObject({ reason: 'CONDITION_FAILED' })
  })

  it.each(FAILURES)('lets nobody through when %s', async (_name, client, status) => {
    open(client)
    app.get('/one', { preHandler: guard.require(CREATE) }, ok)
    app.get('/two', { preHandler: guard.require.all(CREATE, SEND) }, ok)
    expect(await hear('/one', house.ann)).toMatchObject({ status })
    const two = await hear('/two', house.ann)
    expect(two.status).toBeGreaterThanOrEqual(500)
    expect(JSON.stringify(two.body)).not.toContain('ran')
  })

  it('holds HEAD that Fastify makes of GET, each of two guards, and the errors of the application stay its own', async () => {
    open(house.client, {})
    app.get('/', { preHandler: guard.require(PAYOUT) }, ok)
    app.get('/twice', { preHandler: [guard.require(CREATE), guard.require(PAYOUT)] }, ok)
    app.get('/loader', { preHandler: guard.require(CREATE, { resource: () => Promise.reject(new RangeError('no database')) }) }, ok)
    app.get('/handler', { preHandler: guard.require(CREATE) }, async () => {
      throw Object.assign(new Error('mine'), { statusCode: 418 })
    })
    expect((await hear('/', house.ann, 'HEAD')).status).toBe(403)
    expect((await hear('/twice', house.ann)).status).toBe(403)
    expect(await hear('/loader', house.ann)).toMatchObject({ status: 500 })
    expect((await hear('/handler', house.ann)).status).toBe(418)
  })

  it('goes on for nothing that the subject or a resource loader throws, whatever it is', async () => {
    open(house.client, {
      subject: (request: { headers: object }) => failAsTold('subject', request) ?? { user: 'ann', tenant: 'acme' },
    })
    const required = guard.require(CREATE, { resource: (request) => failAsTold('resource', request) })
    app.get('/one', { preHandler: required }, ok)
    await app.register(async (plugin) => {
      plugin.addHook('onRequest', required)
      plugin.get('/all', ok)
    })
    expect(await hear('/all')).toMatchObject({ status: 200, body: { handler: 'ran' } })
    for (const path of ['/one', '/all'])
      for (const headers of ODD_HEADERS) {
        const { status, body } = await hear(path, undefined, 'GET', headers)
        expect([path, headers, status]).toEqual([path, headers, 500])
        expect(JSON.stringify(body)).not.toContain('ran')
      }
  })

  it('ends the wait when whoever called is gone, which is no fault to hear of', async () => {
    const alone = leftAlone()
    const heard: unknown[] = []
    open(alone.client, { onError: (error: unknown) => heard.push(error) })
    app.get('/', { preHandler: guard.require(CREATE) }, ok)
    await alone.leave(await app.listen({ host: '127.0.0.1', port: 0 }), house.ann)
    await settle()
    expect(heard).toEqual([])
  })

  it('leaves other errors to the handler that is given', async () => {
    open()
    app.setErrorHandler(
      guard.errorHandler((_error, _request, reply) => {
        reply.code(499)
        reply.send(Buffer.from('mine'))
      }),
    )
    app.get('/', async () => Promise.reject(new RangeError()))
    app.get('/denied', { preHandler: guard.require(PAYOUT) }, ok)
    expect(await hear('/')).toMatchObject({ status: 499, body: 'mine' })
    expect((await hear('/denied', house.ann)).status).toBe(403)
  })
})

describe('unguarded', () => {
  it('lists what no guard stands before, through plugins and their hooks', async () => {
    open()
    app.get('/open', ok)
    app.post('/after', { onSend: guard.require(CREATE) as never, onResponse: guard.require(CREATE) as never }, ok)
    app.route({ method: ['PUT', 'PATCH'], url: '/several', handler: ok })
    app.get('/guarded', { preHandler: [async () => undefined, guard.require(CREATE)] }, ok)
    app.get('/public', { onRequest: guard.require.public('Probes ask without a token') }, ok)
    app.head('/head', ok)
    await app.register(
      async (plugin) => {
        plugin.get('/before', ok)
        plugin.addHook('preValidation', guard.require(CREATE))
        plugin.register(async (inner) => {
          inner.get('/inner', ok)
        })
      },
      { prefix: '/behind' },
    )
    await app.register(async (plugin) => {
      plugin.get('/beside', ok)
    })
    await app.ready()
    expect(guard.unguarded(app)).toEqual(['GET /beside', 'GET /open', 'HEAD /head', 'PATCH /several', 'POST /after', 'PUT /several'])
    // The hook of the plugin holds what was put down before it as well.
    expect((await hear('/behind/before')).status).toBe(401)
    expect((await hear('/behind/inner')).status).toBe(401)
  })

  it('sees what other plugins do to a route after it was seen', async () => {
    open()
    app.addHook('onRoute', (route) => {
      if (route.url === '/stripped') delete route.preHandler
      if (route.url === '/given') route.preHandler = guard.require(CREATE)
    })
    app.get('/stripped', { preHandler: guard.require(CREATE) }, ok)
    app.get('/given', ok)
    await app.ready()
    expect(guard.unguarded(app)).toEqual(['GET /stripped'])
    expect((await hear('/stripped')).status).toBe(200)
    expect((await hear('/given')).status).toBe(401)
  })

  it('is not asked of an application whose routes it has not seen', async () => {
    open()
    const other = fastify()
    expect(() => guard.unguarded(other)).toThrow(TypeError)
    other.get('/', ok)
    expect(() => guard.watch(other)).toThrow(TypeError)
    await other.close()
  })
})
