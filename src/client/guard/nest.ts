/** Guards for NestJS: marks on classes and handlers, the guard that holds them, and the filter that answers. Deny without a mark, where Nest runs the guard. Floor 6. */
import { type ArgumentsHost, type CanActivate, Catch, type ExceptionFilter, type ExecutionContext, Logger } from '@nestjs/common'
import type { Client } from '../client.ts'
import { CastellanError } from '../errors.ts'
import { type AccessBook, openAccessBook } from './access-book.ts'
import { type Access, type Admit, type GuardOptions, openAdmission } from './admit.ts'
import { whileConnected } from './bounded.ts'
import type { FastifyAnswer } from './fastify.ts'
import { checkGuardOptions, GUARD_OPTIONS } from './guard-options.ts'
import { isOurFault, problemOf, UNGUARDED } from './problem.ts'
import { type Listed, marked, publicBecause, type Requirement, type RequireOptions, requirementAt, requirementOf } from './requirement.ts'
import { bearer, type WithHeaders } from './subjects.ts'
import { type AnswerTo, writeProblem } from './write-problem.ts'

/** On a class or on a handler; what a handler says counts alone. */
export type Mark = (target: object, key?: string | symbol, descriptor?: PropertyDescriptor) => void

export interface NestGuardOptions<Request> extends GuardOptions<Request> {
  /** The request of a context that is not HTTP, such as GraphQL's or a gateway's; without it nothing but HTTP goes through where the guard runs. */
  readonly requestOf?: (context: ExecutionContext) => Request
}

export function Require<Permission extends string = string>(permission: Permission, options?: RequireOptions<ExecutionContext>): Mark {
  return markWith(requirementOf('all', options === undefined ? [permission] : [permission, options]))
}

export function RequireAny<Permission extends string = string>(...wanted: Listed<NoInfer<Permission>, ExecutionContext>): Mark {
  return markWith(requirementOf('any', wanted))
}

export function RequireAll<Permission extends string = string>(...wanted: Listed<NoInfer<Permission>, ExecutionContext>): Mark {
  return markWith(requirementOf('all', wanted))
}

/** @param why a sentence, for who reads the handler */
export function Public(why: string): Mark {
  return markWith(publicBecause(why))
}

/** What is asked of a handler: its own mark, or that of its class. */
export function requirementOfHandler(handler: unknown, ofClass: unknown): Requirement<ExecutionContext> | undefined {
  return requirementAt(handler) ?? requirementAt(ofClass)
}

/**
 * For all of an application: `app.useGlobalGuards(guard)`, or `{ provide: APP_GUARD, useValue: guard }`; what has no mark is denied where the guard runs.
 * Nest runs global guards neither for WebSocket gateways nor for microservices that are connected without `{ inheritAppConfig: true }`:
 * put `@UseGuards(guard)` on those classes, and look at `unguarded`.
 */
export class CastellanGuard<Permission extends string = string, Request extends object = WithHeaders> implements CanActivate {
  readonly #admit: Admit<Request, Permission>
  readonly #book: AccessBook<Permission> = openAccessBook()
  readonly #requestOf: NestGuardOptions<Request>['requestOf']
  readonly #told = new WeakSet<object>()
  readonly #logger = new Logger('CastellanGuard')

  /** @throws TypeError for options that cannot be used */
  constructor(client: Client<Permission>, options: NestGuardOptions<Request> = {}) {
    checkGuardOptions(options, [...GUARD_OPTIONS, 'requestOf'])
    const { subject = bearer() as unknown as NonNullable<GuardOptions<Request>['subject']> } = options
    this.#admit = openAdmission(client, subject, options)
    this.#requestOf = options.requestOf
  }

  /** @throws CastellanError for what is not allowed; `CastellanExceptionFilter` answers it */
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const requirement = requirementOfHandler(context.getHandler(), context.getClass())
    if (requirement === undefined) throw this.#unmarked(context)
    if (requirement.kind === 'public') return true
    const request = this.#requestIn(context)
    const answer = context.getType() === 'http' ? context.switchToHttp().getResponse<unknown>() : undefined
    this.#book.put(request, await whileConnected(answer, (signal) => this.#admit(requirement, { request, argument: context, signal })))
    return true
  }

  /** Who was let through, as a bound client, with the decisions. @throws TypeError when nothing was required of this request */
  access(request: object): Access<Permission> {
    return this.#book.get(request)
  }

  #requestIn(context: ExecutionContext): Request {
    if (this.#requestOf !== undefined) return this.#requestOf(context)
    if (context.getType() === 'http') return context.switchToHttp().getRequest<Request>()
    throw new CastellanError(`The guard does not know who calls in a context of type ${context.getType()}`, {
      code: 'context_unknown',
      hint: 'Give CastellanGuard `requestOf`.',
    })
  }

  #unmarked(context: ExecutionContext): CastellanError {
    const handler = context.getHandler()
    const name = `${context.getClass().name}.${handler.name}`
    if (!this.#told.has(handler)) {
      this.#told.add(handler)
      this.#logger.error(`${name} has neither @Require nor @Public: it is denied to everybody`)
    }
    return new CastellanError(`${name} has neither @Require nor @Public`, { code: UNGUARDED })
  }
}

/** `app.useGlobalFilters(new CastellanExceptionFilter())`: answers of RFC 9457, on Express and on Fastify. */
export class CastellanExceptionFilter implements ExceptionFilter<CastellanError> {
  readonly #options: Pick<GuardOptions<never>, 'tellHints' | 'onError'>

  /** @throws TypeError for options that cannot be used */
  constructor(options: Pick<GuardOptions<never>, 'tellHints' | 'onError'> = {}) {
    checkGuardOptions(options, ['tellHints', 'onError'])
    this.#options = options
  }

  /** @throws the error itself where it is not HTTP that is answered */
  catch(error: CastellanError, host: ArgumentsHost): void {
    const problem = problemOf(error, this.#options)
    if (problem === undefined || host.getType() !== 'http') throw error
    const response = host.switchToHttp().getResponse<AnswerTo | FastifyAnswer>()
    if (!('code' in response)) {
      // A connection that ends before its answer does: nobody takes it for a whole one.
      if (response.headersSent) (response as { destroy?: () => void }).destroy?.()
      else writeProblem(response, problem)
    } else if (!response.sent) {
      response.code(problem.body.status)
      response.headers(problem.headers)
      response.send(Buffer.from(JSON.stringify(problem.body)))
    }
    if (isOurFault(problem, error)) this.#options.onError?.(error)
  }
}
Catch(CastellanError)(CastellanExceptionFilter)

function markWith(requirement: Requirement<ExecutionContext>): Mark {
  return (target, _key, descriptor) => {
    const place: unknown = descriptor === undefined ? target : descriptor.value
    if (typeof place !== 'function') throw new TypeError('Marks of a guard stand on classes and on handlers')
    if (Object.getOwnPropertySymbols(place).some((symbol) => symbol === Symbol.for('castellan.requirement')))
      throw new TypeError(`${place.name} has two marks: say in one what is required`)
    marked(place, requirement)
  }
}
