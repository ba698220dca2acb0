/** What has to be allowed before a handler runs, said when the application is built; and the mark by which routes are told apart. Asks nobody. Floor 6. */
import type { Resource } from '../client.ts'
import { REQUIRED_PERMISSIONS_MAX } from '../limits.ts'

/** Of the thing that a request is about; `undefined`: asked without one. What it throws goes to the application, and nothing is asked. */
export type ResourceLoader<Request> = (request: Request) => Resource | undefined | Promise<Resource | undefined>

export interface RequireOptions<Request> {
  readonly resource?: ResourceLoader<Request>
}

/** One permission at least; options at the end, if any. */
export type Listed<Permission extends string, Request> =
  | readonly [Permission, ...Permission[]]
  | readonly [Permission, ...Permission[], RequireOptions<Request>]

export interface PermissionRequirement<Request> {
  readonly kind: 'all' | 'any'
  readonly permissions: readonly string[]
  readonly resource?: ResourceLoader<Request>
}

export interface PublicRequirement {
  readonly kind: 'public'
  readonly why: string
}

export type Requirement<Request> = PermissionRequirement<Request> | PublicRequirement

/** Known by name, so that one copy of this package knows the guards of another. */
const REQUIREMENT = Symbol.for('castellan.requirement')
const PERMISSION = /^\S{1,256}$/
/** Two words at least: "internal" says nothing to who reads it next year. */
const SENTENCE = /\S\s+\S/

/** @throws TypeError for no permission, one that is no text, or options that are none */
export function requirementOf<Request>(kind: 'all' | 'any', listed: readonly unknown[]): PermissionRequirement<Request> {
  const last = listed.at(-1)
  const options = typeof last === 'object' && last !== null ? readOptions<Request>(last) : {}
  const permissions = last === undefined || typeof last !== 'object' || last === null ? listed : listed.slice(0, -1)
  if (permissions.length === 0)
    throw new TypeError('A requirement names one permission at least; for a route that needs none: require.public(why)')
  if (permissions.length > REQUIRED_PERMISSIONS_MAX)
    throw new TypeError(`A requirement names ${REQUIRED_PERMISSIONS_MAX} permissions at most, here ${permissions.length}`)
  const names = permissions.map((permission, index) => {
    if (typeof permission === 'string' && PERMISSION.test(permission)) return permission
    throw new TypeError(`permissions[${index}] is no name of a permission, such as finance.read`)
  })
  return Object.freeze({ kind, permissions: Object.freeze(names), ...options })
}

/** @throws TypeError without a sentence */
export function publicBecause(why: string): PublicRequirement {
  if (typeof why !== 'string' || !SENTENCE.test(why)) throw new TypeError('why is a sentence that says why nobody has to be allowed here')
  return Object.freeze({ kind: 'public', why })
}

export function marked<Handler extends object, Request>(handler: Handler, requirement: Requirement<Request>): Handler {
  return Object.defineProperty(handler, REQUIREMENT, { value: requirement })
}

/** Also of a class that inherits one. */
export function requirementAt<Request>(handler: unknown): Requirement<Request> | undefined {
  if (typeof handler !== 'function') return undefined
  return (handler as { [REQUIREMENT]?: Requirement<Request> })[REQUIREMENT]
}

export function isGuard(handler: unknown): boolean {
  return requirementAt(handler) !== undefined
}

const ERROR_HANDLER = Symbol.for('castellan.errorHandler')

/** What is marked so lets nothing through that was refused. */
export function markedAsErrorHandler<Handler extends object>(handler: Handler): Handler {
  return Object.defineProperty(handler, ERROR_HANDLER, { value: true })
}

export function isErrorHandler(handler: object): boolean {
  return (handler as { readonly [ERROR_HANDLER]?: unknown })[ERROR_HANDLER] === true
}

function readOptions<Request>(options: object): RequireOptions<Request> {
  for (const name of Object.keys(options)) {
    // A loader that is misspelt would be left out, and the question asked without its resource.
    if (name !== 'resource') throw new TypeError(`A requirement has no option ${JSON.stringify(name)}; it has: resource`)
  }
  const { resource } = options as RequireOptions<Request>
  if (resource === undefined) return {}
  if (typeof resource !== 'function') throw new TypeError('resource is a function that loads the resource of a request')
  return { resource }
}
