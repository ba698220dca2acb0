/**
 * Which handlers of a NestJS application nobody has said anything about, or say it to no guard: of HTTP, of messages to WebSocket gateways and of
 * patterns of microservices. It cannot see resolvers of GraphQL (a global guard denies its queries and mutations without a mark; fields run
 * guards only where Nest is told so), connections of gateways (Nest runs no guard for them), and routes given to the server past Nest. Floor 6.
 */
import { RequestMethod } from '@nestjs/common'
import { CastellanGuard, requirementOfHandler } from './nest.ts'

/** What is used of an application; Nest shows it to nobody, and has had it for years. */
interface Inside {
  readonly container: { getModules(): ReadonlyMap<unknown, Module> }
  readonly config: Config
  getMicroservices?(): readonly { readonly applicationConfig?: unknown }[]
}

interface Module {
  readonly controllers: Wrappers
  readonly providers?: Wrappers
}

type Wrappers = ReadonlyMap<unknown, { readonly metatype: unknown }>

interface Config {
  getGlobalPrefix(): string
  getGlobalGuards(): readonly unknown[]
  getGlobalRequestGuards(): readonly { readonly instance?: unknown; readonly metatype?: unknown }[]
}

type Controller = (new (...needs: readonly never[]) => unknown) & { readonly prototype: object }

/** Keys under which Nest's own decorators leave what they are told. */
const PATH = 'path'
const METHOD = 'method'
const GUARDS = '__guards__'
/** Of @nestjs/websockets and @nestjs/microservices, which need not be there. */
const GATEWAY = 'websockets:is_gateway'
const SUBSCRIBED = 'websockets:message_mapping'
const MESSAGE = 'message'
const PATTERN_KIND = 'microservices:handler_type'
const PATTERN = 'microservices:pattern'

/**
 * After `app.init()`: lines `GET /path (Controller.handler)`, `message name (Gateway.handler)` and `pattern name (Controller.handler)`, sorted.
 * Global guards count for HTTP, for patterns only where every microservice was connected with `inheritAppConfig`, and for gateways never, as Nest has it.
 * @throws TypeError for what is no application, or one of a Nest that is built in another way
 */
export function unguarded(app: object): readonly string[] {
  const { container, config } = app as Partial<Inside>
  if (typeof container?.getModules !== 'function' || typeof config?.getGlobalGuards !== 'function')
    throw new TypeError('unguarded(app) takes an application of NestFactory.create')
  const isGlobal =
    config.getGlobalGuards().some(isOurs) ||
    config.getGlobalRequestGuards().some(({ instance, metatype }) => isOurs(instance) || isOurs(metatype))
  const microservices = (app as Inside).getMicroservices?.() ?? []
  const isInherited = microservices.length > 0 && microservices.every(({ applicationConfig }) => applicationConfig === config)
  const prefix = config.getGlobalPrefix()
  const lines = [...container.getModules().values()].flatMap(({ controllers, providers }) => [
    ...classesOf(controllers).flatMap((found) => [...routesOf(found, prefix, isGlobal), ...patternsOf(found, isGlobal && isInherited)]),
    ...classesOf(providers).flatMap(messagesOf),
  ])
  return [...new Set(lines)].sort()
}

function routesOf(controller: Controller, prefix: string, isGlobal: boolean): readonly string[] {
  return handlersOf(controller.prototype).flatMap(([name, handler]) => {
    const method = metadata(METHOD, handler)
    const told = whyOpen(controller, name, handler, isGlobal)
    if (typeof method !== 'number' || told === undefined) return []
    const places = textsOf(metadata(PATH, controller)).flatMap((at) =>
      textsOf(metadata(PATH, handler)).map((path) => join(prefix, at, path)),
    )
    return places.map((place) => `${RequestMethod[method]} ${place} ${told}`)
  })
}

function patternsOf(controller: Controller, isGlobal: boolean): readonly string[] {
  return handlersOf(controller.prototype).flatMap(([name, handler]) => {
    const told = metadata(PATTERN_KIND, handler) === undefined ? undefined : whyOpen(controller, name, handler, isGlobal)
    return told === undefined ? [] : namesOf(metadata(PATTERN, handler)).map((pattern) => `pattern ${pattern} ${told}`)
  })
}

function messagesOf(gateway: Controller): readonly string[] {
  if (metadata(GATEWAY, gateway) === undefined) return []
  return handlersOf(gateway.prototype).flatMap(([name, handler]) => {
    const told = metadata(SUBSCRIBED, handler) === undefined ? undefined : whyOpen(gateway, name, handler, false)
    return told === undefined ? [] : namesOf(metadata(MESSAGE, handler)).map((message) => `message ${message} ${told}`)
  })
}

/** @returns `undefined` for what is marked and held by a guard */
function whyOpen(of: Controller, name: string, handler: unknown, isGlobal: boolean): string | undefined {
  const isHeld = isGlobal || [metadata(GUARDS, of), metadata(GUARDS, handler)].flat().some(isOurs)
  const isMarked = requirementOfHandler(handler, of) !== undefined
  if (isHeld && isMarked) return undefined
  return `(${of.name}.${name}${isMarked ? ': no CastellanGuard' : ''})`
}

/** Its own and those that it inherits, by the name that is called. */
function handlersOf(prototype: object): readonly (readonly [string, unknown])[] {
  const found = new Map<string, unknown>()
  for (let at: object | null = prototype; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at) as object | null) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(at)))
      if (typeof value === 'function' && name !== 'constructor' && !found.has(name)) found.set(name, value)
  }
  return [...found]
}

function isOurs(guard: unknown): boolean {
  return guard === CastellanGuard || guard instanceof CastellanGuard
}

function classesOf(wrappers: Wrappers | undefined): readonly Controller[] {
  return [...(wrappers?.values() ?? [])].map(({ metatype }) => metatype).filter(isController)
}

function isController(metatype: unknown): metatype is Controller {
  return typeof metatype === 'function' && typeof metatype.prototype === 'object'
}

/** Nest brings `reflect-metadata`, which puts this on `Reflect`. */
function metadata(key: string, of: unknown): unknown {
  return (Reflect as { getMetadata?: (key: string, of: unknown) => unknown }).getMetadata?.(key, of)
}

function textsOf(value: unknown): readonly string[] {
  const texts = [value].flat().filter((text) => typeof text === 'string')
  return texts.length === 0 ? [''] : texts
}

/** Of messages and patterns: texts, or objects as JSON. */
function namesOf(value: unknown): readonly string[] {
  return [value].flat().map((name) => (typeof name === 'string' ? name : JSON.stringify(name)))
}

function join(...parts: readonly string[]): string {
  return `/${parts
    .flatMap((part) => part.split('/'))
    .filter((part) => part !== '')
    .join('/')}`
}
