/** Guards for Express 5: middleware, the accessor behind it, and answers for what was not allowed. Imports no Express; that of 4 works as well, but for `unguarded`, which needs 5. Floor 6. */
import type { Client } from '../client.ts'
import { openAccessBook } from './access-book.ts'
import { type Access, type GuardOptions, openAdmission } from './admit.ts'
import { whileConnected } from './bounded.ts'
import { unguarded } from './express-routes.ts'
import { checkGuardOptions } from './guard-options.ts'
import { isOurFault, problemOf } from './problem.ts'
import { refusalOf } from './refusal.ts'
import {
  type Listed,
  marked,
  markedAsErrorHandler,
  publicBecause,
  type Requirement,
  type RequireOptions,
  requirementOf,
} from './requirement.ts'
import { bearer, type WithHeaders } from './subjects.ts'
import { type AnswerTo, writeProblem } from './write-problem.ts'

export type Next = (error?: unknown) => void
export type Middleware<Request> = (request: Request, response: AnswerTo, next: Next) => void
export type ErrorMiddleware = (error: unknown, request: object, response: AnswerTo, next: Next) => void

/** Makes middleware: for one route, for `router.use`, for `app.use`. What it does not let through goes to `next` as an error. */
export interface ExpressRequire<Permission extends string, Base> {
  <Request extends Base = Base>(permission: Permission, options?: RequireOptions<Request>): Middleware<Request>
  any<Request extends Base = Base>(...wanted: Listed<Permission, Request>): Middleware<Request>
  all<Request extends Base = Base>(...wanted: Listed<Permission, Request>): Middleware<Request>
  /** @param why a sentence, for who reads the route */
  public(why: string): Middleware<Base>
}

export interface ExpressGuard<Permission extends string = string, Base = WithHeaders> {
  readonly require: ExpressRequire<Permission, Base>
  /** Who was let through, as a bound client, with the decisions. @throws TypeError without a guard before the handler */
  access(request: object): Access<Permission>
  /** Last of all: `app.use(errorHandler())`. Passes on what is no error of ours, and what comes after an answer has begun. */
  errorHandler(): ErrorMiddleware
  /** Lines `GET /path` of what nobody guards, sorted: empty in a test of the application (express-routes.ts says what it cannot see). */
  unguarded(app: object): readonly string[]
}

/** @throws TypeError for options that cannot be used */
export function createGuard<Permission extends string = string, Base extends object = WithHeaders>(
  client: Client<Permission>,
  options: GuardOptions<Base> = {},
): ExpressGuard<Permission, Base> {
  checkGuardOptions(options)
  const { subject = bearer() as unknown as NonNullable<GuardOptions<Base>['subject']>, tellHints, onError } = options
  const admit = openAdmission<Base, Permission>(client, subject, options)
  const book = openAccessBook<Permission>()

  function middleware<Request extends Base>(requirement: Requirement<Request>): Middleware<Request> {
    const guard: Middleware<Request> = (request, response, next) => {
      whileConnected(response, (signal) => admit(requirement, { request, argument: request, signal }))
        .then((access) => book.put(request, access))
        // What the handlers behind `next` throw is not ours to catch, and must not run them again.
        .then(
          () => next(),
          (fault: unknown) => next(refusalOf(fault)),
        )
    }
    return marked(guard, requirement)
  }

  const require: ExpressRequire<Permission, Base> = Object.assign(
    <Request extends Base = Base>(permission: Permission, options?: RequireOptions<Request>) =>
      middleware(requirementOf<Request>('all', options === undefined ? [permission] : [permission, options])),
    {
      any: <Request extends Base = Base>(...wanted: Listed<Permission, Request>) => middleware(requirementOf<Request>('any', wanted)),
      all: <Request extends Base = Base>(...wanted: Listed<Permission, Request>) => middleware(requirementOf<Request>('all', wanted)),
      public: (why: string) => middleware<Base>(publicBecause(why)),
    },
  )
  return {
    require,
    access: (request) => book.get(request),
    errorHandler: () => {
      // Four parameters are what makes it a handler of errors.
      const handle: ErrorMiddleware = (error, _request, response, next) => {
        const problem = problemOf(error, { tellHints })
        if (problem === undefined || response.headersSent) return next(error)
        writeProblem(response, problem)
        if (isOurFault(problem, error)) onError?.(error as Parameters<NonNullable<typeof onError>>[0])
      }
      return markedAsErrorHandler(handle)
    },
    unguarded,
  }
}
