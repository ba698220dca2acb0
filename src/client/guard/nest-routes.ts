/**
 * Which handlers of a NestJS application nobody has said anything about, or say it to no guard. HTTP alone: it cannot see handlers of GraphQL and
 * microservices (the guard denies them without a mark), and routes given to the server past Nest. Floor 6.
 */
import { RequestMethod } from '@nestjs/common'
import { CastellanGuard, requirementOfHandler } from './nest.ts'

/** What is used of an application; Nest shows it to nobody, and has had it for years. */
interface Inside {
  readonly container: { getModules(): ReadonlyMap<unknown, { readonly controllers: ReadonlyMap<unknown, { readonly metatype: unknown }> }> }
  readonly config: {
    getGlobalPrefix(): string
    getGlobalGuards(): readonly unknown[]
    getGlobalRequestGuards(): readonly { readonly instance?: unknown; readonly metatype?: unknown }[]
  }
}

type Controller = (new (...needs: readonly never[]) => unknown) & { readonly prototype: object }

/** Keys under which Nest's own decorators leave what they are told. */
const PATH = 'path'
const METHOD = 'method'
const GUARDS = '__guards__'

/**
 * After `app.init()`: lines `GET /path (Controller.handler)`, sorted.
 * @throws TypeError for what is no application, or one of a Nest that is built in another way
 */
export function unguarded(app: object): readonly string[] {
  const { container, config } = app as Partial<Inside>
  if (typeof container?.getModules !== 'function' || typeof config?.getGlobalGuards !== 'function')
    throw new TypeError('unguarded(app) takes an application of NestFactory.create')
  const isGlobal =
    config.getGlobalGuards().some(isOurs) ||
    config.getGlobalRequestGuards().some(({ instance, metatype }) => isOurs(instance) || isOurs(metatype))
  const prefix = config.getGlobalPrefix()
  const lines = [...container.getModules().values()]
    .flatMap(({ controllers }) => [...controllers.values()])
    .flatMap(({ metatype }) => (isController(metatype) ? routesOf(metatype, prefix, isGlobal) : []))
  return [...new Set(lines)].sort()
}

function routesOf(controller: Controller, prefix: string, isGlobal: boolean): readonly string[] {
  return handlersOf(controller.prototype).flatMap(([name, handler]) => {
    const method = metadata(METHOD, handler)
    if (typeof method !== 'number') return []
    const isHeld = isGlobal || [metadata(GUARDS, controller), metadata(GUARDS, handler)].flat().some(isOurs)
    const isMarked = requirementOfHandler(handler, controller) !== undefined
    if (isHeld && isMarked) return []
    const why = isMarked ? ': no CastellanGuard' : ''
    const places = textsOf(metadata(PATH, controller)).flatMap((at) =>
      textsOf(metadata(PATH, handler)).map((path) => join(prefix, at, path)),
    )
    return places.map((place) => `${RequestMethod[method]} ${place} (${controller.name}.${name}${why})`)
  })
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

function join(...parts: readonly string[]): string {
  return `/${parts
    .flatMap((part) => part.split('/'))
    .filter((part) => part !== '')
    .join('/')}`
}
