/** Guards for Fastify 5: hooks before the handler, the accessor behind them, and answers for what was not allowed. Imports no Fastify. Floor 6. */
import type { Client } from '../client.ts'
import { openAccessBook } from './access-book.ts'
import { type Access, type GuardOptions, openAdmission } from './admit.ts'
import { whileConnected } from './bounded.ts'
import { watchRoutes } from './fastify-routes.ts'
import { checkGuardOptions } from './guard-options.ts'
import { isOurFault, problemOf } from './problem.ts'
import { type Listed, marked, publicBecause, type Requirement, type RequireOptions, requirementOf } from './requirement.ts'
import { bearer, type WithHeaders } from './subjects.ts'

/** Of route options (`preHandler`, `onRequest`, …), or `app.addHook('preHandler', …)` for all routes of a plugin. */
export type Hook<Request> = (request: Request, reply: object) => Promise<void>

/** What is used of a reply. */
export interface FastifyAnswer {
  readonly sent: boolean
  code(status: number): unknown
  headers(values: Readonly<Record<string, string>>): unknown
  send(body: Uint8Array): unknown
}

export type FastifyErrorHandler = (error: unknown, request: object, reply: FastifyAnswer) => void

/** The request that a resource loader names is taken at its word, as Fastify's own types leave no other way. */
export interface FastifyRequire<Permission extends string, Base> {
  <Request extends Base = Base>(permission: Permission, options?: RequireOptions<Request>): Hook<Base>
  any<Request extends Base = Base>(...wanted: Listed<Permission, Request>): Hook<Base>
  all<Request extends Base = Base>(...wanted: Listed<Permission, Request>): Hook<Base>
  /** @param why a sentence, for who reads the route */
  public(why: string): Hook<Base>
}

export interface FastifyGuard<Permission extends string = string, Base = WithHeaders> {
  readonly require: FastifyRequire<Permission, Base>
  /** Who was let through, as a bound client, with the decisions. @throws TypeError without a guard before the handler */
  access(request: object): Access<Permission>
  /** `app.setErrorHandler(errorHandler())`. What is no error of ours goes on to Fastify's own, or to `otherwise`. */
  errorHandler(otherwise?: (error: unknown, request: object, reply: FastifyAnswer) => unknown): FastifyErrorHandler
  /** Remembers the routes that are put down from now on, for `unguarded`. @throws TypeError when there are some already */
  watch(app: object): void
  /** After `app.ready()`: lines `GET /path` of what nobody guards, sorted. @throws TypeError for an application that is not watched */
  unguarded(app: object): readonly string[]
}

/** @throws TypeError for options that cannot be used */
export function createGuard<Permission extends string = string, Base extends object = WithHeaders>(
  client: Client<Permission>,
  options: GuardOptions<Base> = {},
): FastifyGuard<Permission, Base> {
  checkGuardOptions(options)
  const { subject = bearer() as unknown as NonNullable<GuardOptions<Base>['subject']>, tellHints, onError } = options
  const admit = openAdmission<Base, Permission>(client, subject, options)
  const book = openAccessBook<Permission>()
  const routes = watchRoutes()

  function hook<Request extends Base>(requirement: Requirement<Request>): Hook<Base> {
    // Two parameters: with a third one Fastify would wait for a callback.
    const guard: Hook<Base> = async (request, reply) => {
      const ask = (signal?: AbortSignal) => admit(requirement, { request, argument: request as Request, signal })
      book.put(request, await whileConnected(reply, ask))
    }
    return marked(guard, requirement)
  }

  const require: FastifyRequire<Permission, Base> = Object.assign(
    <Request extends Base = Base>(permission: Permission, options?: RequireOptions<Request>) =>
      hook(requirementOf<Request>('all', options === undefined ? [permission] : [permission, options])),
    {
      any: <Request extends Base = Base>(...wanted: Listed<Permission, Request>) => hook(requirementOf<Request>('any', wanted)),
      all: <Request extends Base = Base>(...wanted: Listed<Permission, Request>) => hook(requirementOf<Request>('all', wanted)),
      public: (why: string) => hook<Base>(publicBecause(why)),
    },
  )
  return {
    ...{ require, watch: routes.watch, unguarded: routes.unguarded },
    access: (request) => book.get(request),
    errorHandler: (otherwise) => (error, request, reply) => {
      const problem = problemOf(error, { tellHints })
      if (problem === undefined || reply.sent) {
        // What a handler of errors throws goes to the one around it.
        if (otherwise === undefined) throw error
        return void otherwise(error, request, reply)
      }
      reply.code(problem.body.status)
      reply.headers(problem.headers)
      // Bytes: to a text Fastify would add a charset, which JSON has none of.
      reply.send(Buffer.from(JSON.stringify(problem.body)))
      if (isOurFault(problem, error)) onError?.(error as Parameters<NonNullable<typeof onError>>[0])
    },
  }
}
