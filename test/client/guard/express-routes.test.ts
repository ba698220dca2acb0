/** Routes of Express that nobody guards are listed, wherever they stand; in doubt a route is listed. */
import { describe, expect, it } from '@jest/globals'
import express, { type NextFunction, type Request, type Response, Router } from 'express'
import { createGuard } from '../../../src/client/guard/express.ts'
import { unguarded } from '../../../src/client/guard/express-routes.ts'
import { hanging } from './guard-house.ts'

const { require, errorHandler } = createGuard(hanging())
const answer = (_request: Request, response: Response) => void response.json({})
const parse = (_request: Request, _response: Response, next: NextFunction) => next()
const guard = require('sales.quote.create')
/** It may make of a refusal whatever it wants. */
const recover = (_fault: unknown, _request: Request, _response: Response, next: NextFunction) => next()

function listed(build: (app: express.Express) => void): readonly string[] {
  const app = express()
  build(app)
  return unguarded(app)
}

describe('unguarded', () => {
  it('is empty for an application where every route is guarded or public', () => {
    const inner = Router().get('/x', answer)
    const build = (app: express.Express) => {
      app.use(express.json(), parse)
      app.get('/health', require.public('Probes ask without a token'), answer)
      app.get('/a', guard, answer)
      app.get('/b', parse, [parse, guard], parse, answer)
      app.route('/c').all(guard).get(answer).post(answer)
      app.all('/d', guard)
      app.get('/d', answer)
      app.use('/e', guard, inner)
      app.use('/f', parse, guard)
      app.use('/f/:id', Router().delete('/x', answer))
      app.get('/r', recover, guard, answer, errorHandler())
      app.get('/s', guard, answer, recover, guard, answer, recover)
      app.use(errorHandler())
      app.use('/:tenant/g', guard)
      app.get('/:name/g/:id', answer)
      app.use(guard)
      app.get(/anything/, answer)
      app.use('/files', express.static('.'))
      app.use(answer)
      app.use(errorHandler())
    }
    expect(listed(build)).toEqual([])
  })

  it.each<[string, (app: express.Express) => void, readonly string[]]>([
    ['a route without a guard', (app) => app.get('/x', answer), ['GET /x']],
    [
      'each method of a route by itself',
      (app) => app.route('/x').get(guard, answer).post(answer).put(parse, answer),
      ['POST /x', 'PUT /x'],
    ],
    ['all methods', (app) => app.all('/x', answer), ['ALL /x']],
    ['a guard behind the handler', (app) => app.get('/x', answer, guard), ['GET /x']],
    ['a guard behind a handler that cannot pass on', (app) => app.get('/x', answer, guard, answer), ['GET /x']],
    ['a guard with nothing behind it but a handler of errors', (app) => app.get('/x', parse, guard, errorHandler()), ['GET /x']],
    ['a guard that comes later', (app) => app.get('/x', answer).use(guard), ['GET /x']],
    ['a guard of another path', (app) => app.use('/y', guard).get('/x', answer), ['GET /x']],
    ['a guard of a longer path', (app) => app.use('/x/y', guard).get('/x', answer), ['GET /x']],
    ['a guard of a path that only begins alike', (app) => app.use('/ab', guard).get('/abc', answer), ['GET /abc']],
    ['a guard of a path that only sometimes matches', (app) => app.use('/x{/y}', guard).get('/x/y', answer), ['GET /x/y']],
    ['a parameter where the guard has a name', (app) => app.use('/x/me', guard).get('/x/:id', answer), ['GET /x/:id']],
    ['a wildcard where the guard has a parameter', (app) => app.use('/x/:id', guard).get('/x/*rest', answer), ['GET /x/*rest']],
    ['an optional part where the guard has a parameter', (app) => app.use('/:id', guard).get('/{:id}', answer), ['GET /{:id}']],
    ['a guard of another method', (app) => app.get('/x', guard).post('/x', answer), ['POST /x']],
    ['each of several paths', (app) => app.use(['/x', '/y'], guard).get(['/x', '/y', '/z'], answer), ['GET /z']],
    ['a path that is an expression', (app) => app.use('/x', guard).get(/^\/x/, answer), ['GET /^\\/x/']],
    ['a router in a router', (app) => app.use('/a', Router().use('/b', Router().get('/c', answer))), ['GET /a/b/c']],
    ['a router before the guard', (app) => app.use('/a', Router().get('/b', answer), guard), ['GET /a/b']],
    [
      'a guard in one of two routers',
      (app) => app.use('/a', Router().get('/b', guard, answer)).use('/a', Router().get('/b', answer)),
      ['GET /a/b'],
    ],
    ['an application in the application', (app) => app.use('/a', express().get('/b', answer)), ['GET /a/b']],
    ['one that is deeper', (app) => app.use('/a', express().use('/b', express().use('/c', Router().get('/d', answer)))), ['GET /a/b/c/d']],
    ['a handler that is used', (app) => app.use('/x', answer), ['* /x']],
    ['files', (app) => app.use('/x', express.static('.')), ['GET /x (static files)']],
    ['routes made by param', (app) => app.param('id', (_q, _s, next) => next()).get('/x/:id', answer), ['GET /x/:id']],
    ['what is behind a guard and a handler of errors, which may go on', (app) => app.use(guard, recover).get('/x', answer), ['GET /x']],
    ['the same by routes alone', (app) => app.all('/x', guard).use(recover).get('/x', answer), ['GET /x']],
    ['the same within a route', (app) => app.get('/x', guard, recover, answer), ['GET /x']],
    ['the same behind a guarded handler', (app) => app.get('/x', guard, answer, recover, answer), ['GET /x']],
    ['a route whose guard another handler of errors ends', (app) => app.get('/x', guard, recover).get('/x', answer), ['GET /x']],
    ['the same in a router', (app) => app.use('/a', Router().use(guard).use('/b', recover).use('/b', answer)), ['* /a/b']],
    ['what wraps a guard, as it cannot be known', (app) => app.get('/x', (q, s, next) => guard(q, s, next), answer), ['GET /x']],
  ])('lists %s', (_name, build, lines) => {
    expect(listed(build)).toEqual(lines)
  })

  it('runs nothing of a mounted application, and tells one that it cannot look into', () => {
    let ran = 0
    const mounted = express().use((_request, _response, next) => {
      ran += 1
      next()
    })
    mounted.get('/x', answer)
    const odd = Object.assign((_request: Request, _response: Response, next: NextFunction) => next(), {
      handle: () => undefined,
      set: () => undefined,
      emit: () => true,
    })
    expect(listed((app) => app.use('/a', mounted).use('/b', odd))).toEqual(['* /b (application that cannot be looked into)', 'GET /a/x'])
    expect(ran).toBe(0)
    expect(Object.getPrototypeOf(mounted.request)).toBeDefined()
  })

  it('ends for a router that stands in itself, and refuses what is no application', () => {
    const circle = Router().get('/x', answer)
    circle.use('/y', circle)
    expect(unguarded(circle).length).toBeLessThan(100)
    expect(() => unguarded({})).toThrow(TypeError)
    expect(() => unguarded(null as never)).toThrow(TypeError)
  })
})
