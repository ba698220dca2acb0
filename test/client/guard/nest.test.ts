/** NestJS: a handler that nobody marked runs for nobody; marks are held; and both are told by a test of the application. */
import 'reflect-metadata'
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals'
import {
  type ArgumentsHost,
  Controller,
  type ExecutionContext,
  Get,
  type INestApplication,
  Injectable,
  Logger,
  Module,
  Post,
  Req,
  UseGuards,
} from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import fastify, { type FastifyReply } from 'fastify'
import type { Client } from '../../../src/client/client.ts'
import { type CastellanError, DeniedError, UnauthenticatedError, UnavailableError } from '../../../src/client/errors.ts'
import { CastellanExceptionFilter, CastellanGuard, Public, Require, RequireAll, RequireAny } from '../../../src/client/guard/nest.ts'
import { unguarded } from '../../../src/client/guard/nest-routes.ts'
import { FAILURES, failAsTold, type GuardHouse, hear as hearAt, leftAlone, ODD_HEADERS, openGuardHouse } from './guard-house.ts'

const CREATE = 'sales.quote.create'
const SEND = 'sales.quote.send'
const PAYOUT = 'finance.payout.create'

/** Decorators as what they are, functions: the transform of the tests knows no others. */
function onMethod(prototype: object, name: string, ...decorators: readonly MethodDecorator[]): void {
  const descriptor = Object.getOwnPropertyDescriptor(prototype, name) as PropertyDescriptor
  for (const decorate of [...decorators].reverse()) decorate(prototype, name, descriptor)
}

function quotes() {
  class Quotes {
    guard: CastellanGuard | undefined
    create() {
      return { handler: 'ran' }
    }
    async who(request: object) {
      return { payout: await guard.access(request).can(PAYOUT) }
    }
    send() {
      return { handler: 'ran' }
    }
    open() {
      return { handler: 'ran' }
    }
    forgotten() {
      return { handler: 'ran' }
    }
    any() {
      return { handler: 'ran' }
    }
    failing() {
      return { handler: 'ran' }
    }
  }
  const of = Quotes.prototype
  const resource = (context: { switchToHttp(): { getRequest(): { params: { amount: string } } } }) => ({
    amount: Number(context.switchToHttp().getRequest().params.amount),
    discountPercent: 0,
  })
  onMethod(of, 'create', Require(CREATE), Post('create'))
  onMethod(of, 'who', Get('who'), Require(CREATE))
  Req()(of, 'who', 0)
  onMethod(of, 'send', Require(SEND, { resource: resource as never }), Get('send/:amount'))
  onMethod(of, 'open', Public('Probes ask without a token'), Get('open'))
  onMethod(of, 'forgotten', Get('forgotten'))
  const failingResource = (context: ExecutionContext) => failAsTold('resource', context.switchToHttp().getRequest())
  onMethod(of, 'failing', Get('failing'), Require(CREATE, { resource: failingResource }))
  onMethod(of, 'any', RequireAny(PAYOUT, CREATE), Get(['any', 'some']))
  Controller('quotes')(Quotes)
  return Quotes
}

function payouts() {
  class Payouts {
    inherited() {
      return { handler: 'ran' }
    }
    own() {
      return { handler: 'ran' }
    }
  }
  onMethod(Payouts.prototype, 'inherited', Get())
  onMethod(Payouts.prototype, 'own', Get('own'), RequireAll(CREATE, SEND, { resource: () => ({ amount: 1, discountPercent: 0 }) }))
  Require(PAYOUT)(Payouts)
  Controller('payouts')(Payouts)
  return Payouts
}

let house: GuardHouse
let app: INestApplication
let guard: CastellanGuard
const logged: string[] = []
beforeAll(async () => {
  house = await openGuardHouse()
  const ignore = () => undefined
  Logger.overrideLogger({ log: ignore, warn: ignore, error: (message: unknown) => void logged.push(String(message)) })
})
afterEach(() => app.close())

async function open(
  client: Client = house.client,
  isGlobal = true,
  change: (payouts: object) => void = () => undefined,
  options = {},
): Promise<void> {
  class AppModule {}
  const second = payouts()
  change(second)
  Module({ controllers: [quotes(), second] })(AppModule)
  app = await NestFactory.create(AppModule)
  guard = new CastellanGuard(client, options)
  if (isGlobal) app.useGlobalGuards(guard)
  app.useGlobalFilters(new CastellanExceptionFilter())
  await app.listen(0, '127.0.0.1')
}

async function hear(path: string, token?: string, method = 'GET', headers: Record<string, string> = {}) {
  return await hearAt(`${await app.getUrl()}${path}`, token, { method, headers })
}

describe('CastellanGuard', () => {
  it('holds what handlers and classes say, a handler before its class, and denies what nobody said anything about', async () => {
    await open()
    const status = async (path: string, token?: string, method?: string) => (await hear(path, token, method)).status
    expect(await status('/quotes/create', house.ann, 'POST')).toBe(201)
    expect(await status('/quotes/create', house.bob, 'POST')).toBe(403)
    expect(await hear('/quotes/who', house.ann)).toMatchObject({ status: 200, body: { payout: false } })
    expect(await hear('/quotes/send/12000', house.ann)).toMatchObject({
      status: 403,
      type: 'application/problem+json',
      body: { reason: 'CONDITION_FAILED' },
    })
    expect(await status('/quotes/send/10', house.ann)).toBe(200)
    expect(await status('/quotes/open')).toBe(200)
    expect(await status('/quotes/any', house.ann)).toBe(200)
    expect(await status('/quotes/some', house.bob)).toBe(403)
    expect(await hear('/payouts', house.ann)).toMatchObject({ status: 403, body: { reason: 'ROLE_LACKS_PERMISSION' } })
    expect(await status('/payouts/own', house.ann)).toBe(200)
    expect(await status('/payouts/own')).toBe(401)
    logged.length = 0
    for (const token of [house.ann, undefined])
      expect(await hear('/quotes/forgotten', token)).toMatchObject({ status: 403, body: { code: 'route_unguarded' } })
    expect(logged).toEqual(['Quotes.forgotten has neither @Require nor @Public: it is denied to everybody'])
  })

  it.each(FAILURES)('lets nobody through when %s', async (_name, client, status) => {
    await open(client)
    const heard = await hear('/quotes/create', house.ann, 'POST')
    expect(heard.status).toBe(status)
    expect(JSON.stringify(heard.body)).not.toMatch(/ran|secret/)
  })

  it('goes on for nothing that the subject or a resource loader throws, and sends nothing of it', async () => {
    const subject = (request: { headers: object }) => failAsTold('subject', request) ?? { user: 'ann', tenant: 'acme' }
    await open(house.client, true, undefined, { subject })
    expect(await hear('/quotes/failing')).toMatchObject({ status: 200, body: { handler: 'ran' } })
    for (const headers of ODD_HEADERS) {
      const { status, body } = await hear('/quotes/failing', undefined, 'GET', headers)
      expect([headers, status]).toEqual([headers, 500])
      expect(JSON.stringify(body)).not.toMatch(/ran|secret/)
    }
  })

  it('ends the wait when whoever called is gone', async () => {
    const alone = leftAlone()
    await open(alone.client)
    await alone.leave(`${await app.getUrl()}/quotes/who`, house.ann)
  })

  it('lets nothing through whose caller it cannot know', async () => {
    await open()
    const context = { getType: () => 'rpc', getHandler: () => Object.assign(() => undefined), getClass: () => payouts() }
    await expect(guard.canActivate(context as never)).rejects.toMatchObject({ code: 'context_unknown' })
  })
})

describe('CastellanExceptionFilter', () => {
  it('answers on Fastify as on Express, and not twice', async () => {
    await open()
    const heard: unknown[] = []
    const filter = new CastellanExceptionFilter({ onError: (error) => heard.push(error.code) })
    const server = fastify()
    const answering = (error: CastellanError) => async (_request: object, reply: FastifyReply) => {
      filter.catch(error, { getType: () => 'http', switchToHttp: () => ({ getResponse: () => reply }) } as unknown as ArgumentsHost)
      return reply
    }
    const decision = { allowed: false, reason: 'ROLE_LACKS_PERMISSION', policyRevision: '', position: 0, via: [] }
    server.get('/denied', answering(new DeniedError({ permission: PAYOUT }, decision)))
    server.get('/nobody', answering(new UnauthenticatedError('x', { code: 'credentials_missing' })))
    server.get('/later', answering(new UnavailableError('x', { code: 'unreachable', retryAfterSeconds: 3 })))
    server.get('/sent', async (request, reply) => {
      await reply.send('mine')
      return await answering(new UnavailableError('x', { code: 'unreachable' }))(request, reply)
    })
    const url = await server.listen({ host: '127.0.0.1', port: 0 })
    try {
      const denied = await hearAt(`${url}/denied`)
      expect(denied).toMatchObject({ status: 403, type: 'application/problem+json', body: { reason: 'ROLE_LACKS_PERMISSION' } })
      expect(denied.headers.get('cache-control')).toBe('no-store')
      const nobody = await hearAt(`${url}/nobody`)
      expect([nobody.status, nobody.headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
      expect(heard).toEqual([])
      const later = await hearAt(`${url}/later`)
      expect([later.status, later.headers.get('retry-after')]).toEqual([503, '3'])
      expect(await hearAt(`${url}/sent`)).toMatchObject({ status: 200, body: 'mine' })
      expect(heard).toEqual(['unreachable', 'unreachable'])
    } finally {
      server.server.closeAllConnections()
      await server.close()
    }
  })
})

describe('marks', () => {
  it('are refused twice on one handler, without a permission, and without a sentence', async () => {
    await open()
    class Twice {}
    Require(CREATE)(Twice)
    expect(() => Public('Somebody put a second one here')(Twice)).toThrow(TypeError)
    expect(() => Require('')).toThrow(TypeError)
    expect(() => RequireAny(...([] as unknown as ['x']))).toThrow(TypeError)
    expect(() => Public('')).toThrow(TypeError)
    expect(() => Require(CREATE)({}, 'field')).toThrow(TypeError)
  })
})

describe('unguarded', () => {
  it('lists handlers that nobody said anything about', async () => {
    await open()
    expect(unguarded(app)).toEqual(['GET /quotes/forgotten (Quotes.forgotten)'])
  })

  it('lists marks that no guard holds', async () => {
    await open(house.client, false, (second) => UseGuards(CastellanGuard)(second as never))
    const lines = unguarded(app)
    expect(lines).toContain('POST /quotes/create (Quotes.create: no CastellanGuard)')
    expect(lines).toContain('GET /quotes/some (Quotes.any: no CastellanGuard)')
    expect(lines.filter((line) => line.includes('/payouts'))).toEqual([])
    expect(() => unguarded({})).toThrow(TypeError)
  })

  it('lists handlers of messages and patterns that no guard of their own holds, as global ones do not reach them', async () => {
    await open(house.client, true, (second) => {
      const { prototype } = second as { prototype: object }
      for (const [name, pattern] of Object.entries({ inherited: [{ cmd: 'pay' }], own: ['payouts', 'paid'] })) {
        Reflect.defineMetadata('microservices:handler_type', 1, Object.getOwnPropertyDescriptor(prototype, name)?.value)
        Reflect.defineMetadata('microservices:pattern', pattern, Object.getOwnPropertyDescriptor(prototype, name)?.value)
      }
    })
    const held = ['pattern paid (Payouts.own: no CastellanGuard)', 'pattern payouts (Payouts.own: no CastellanGuard)']
    const patterns = () => unguarded(app).filter((line) => line.startsWith('pattern'))
    expect(patterns()).toEqual([...held, 'pattern {"cmd":"pay"} (Payouts.inherited: no CastellanGuard)'])
    // As Nest keeps a microservice that was connected with inheritAppConfig, and one without.
    const microservices = Reflect.get(app, 'microservices') as unknown[]
    microservices.push({ applicationConfig: Reflect.get(app, 'config') })
    expect(patterns()).toEqual([])
    microservices.push({ applicationConfig: {} })
    expect(patterns()).toHaveLength(3)
    microservices.length = 0
  })

  it.each<[string, (gateway: new () => object) => void, readonly string[]]>([
    ['nobody marked', () => undefined, ['message pay (Desk.pay)', 'message refund (Desk.pay)']],
    ['a mark alone', Require(PAYOUT), ['message pay (Desk.pay: no CastellanGuard)', 'message refund (Desk.pay: no CastellanGuard)']],
    ['a guard alone', (gateway) => UseGuards(guard)(gateway), ['message pay (Desk.pay)', 'message refund (Desk.pay)']],
    [
      'both',
      (gateway) => {
        UseGuards(guard)(gateway)
        Require(PAYOUT)(gateway)
      },
      [],
    ],
  ])('lists messages of a gateway with %s under a global guard', async (_name, decorate, lines) => {
    class Desk {
      pay() {}
      other() {}
    }
    Injectable()(Desk)
    // What @WebSocketGateway and @SubscribeMessage leave.
    Reflect.defineMetadata('websockets:is_gateway', true, Desk)
    Reflect.defineMetadata('websockets:message_mapping', true, Desk.prototype.pay)
    Reflect.defineMetadata('message', ['pay', 'refund'], Desk.prototype.pay)
    guard = new CastellanGuard(house.client)
    decorate(Desk)
    class AppModule {}
    Module({ providers: [Desk] })(AppModule)
    app = await NestFactory.create(AppModule)
    app.useGlobalGuards(guard)
    await app.init()
    expect(unguarded(app)).toEqual(lines)
  })
})
