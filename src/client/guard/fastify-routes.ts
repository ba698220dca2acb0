/**
 * Which routes of a Fastify 5 application have no guard among the hooks before their handler, their own and those of the plugins around them.
 * It cannot see a hook that answers before the guard, nor the handler for what was not found. Floor 6.
 */
import { isGuard } from './requirement.ts'

export interface WatchedRoutes {
  watch(app: object): void
  unguarded(app: object): readonly string[]
}

interface Watchable {
  addHook(name: 'onRoute', hook: (this: object, route: Route) => void): unknown
  printRoutes(): string
}

interface Route {
  readonly method: string | readonly string[]
  readonly url: string
  readonly [hook: string]: unknown
}

interface Seen {
  /** The plugin that it stands in. */
  readonly place: object
  /** Fastify's own, not a copy: hooks for `onRoute` that run later may still change it. */
  readonly route: Route
}

/** All that run before a handler. */
const BEFORE_HANDLER = ['onRequest', 'preParsing', 'preValidation', 'preHandler'] as const
/** Fastify keeps the hooks of a plugin, with those that it inherits, under a symbol of this name. */
const HOOKS = 'fastify.hooks'
const NO_ROUTES = '(empty tree)'

export function watchRoutes(): WatchedRoutes {
  const watched = new WeakMap<object, Seen[]>()
  return {
    watch(app) {
      const { addHook, printRoutes } = app as Partial<Watchable>
      if (typeof addHook !== 'function' || typeof printRoutes !== 'function')
        throw new TypeError('watch(app) takes an application of Fastify')
      if (printRoutes.call(app).trim() !== NO_ROUTES)
        throw new TypeError('watch(app) comes before the first route: those that are there are not seen')
      if (watched.has(app)) return
      const seen: Seen[] = []
      watched.set(app, seen)
      addHook.call(app, 'onRoute', function (route) {
        seen.push({ place: this, route })
      })
    },
    unguarded(app) {
      const seen = watched.get(app)
      if (seen === undefined) throw new TypeError('unguarded(app) takes an application that was given to watch(app) before its first route')
      const open = new Set(
        seen.flatMap(({ place, route }) =>
          isGuarded(route) || isGuarded(hooksOf(place)) ? [] : methodsOf(route).map((method) => `${method} ${route.url}`),
        ),
      )
      // Fastify makes HEAD of GET: who guards the one guards the other.
      return [...open].filter((line) => !(line.startsWith('HEAD ') && open.has(`GET ${line.slice('HEAD '.length)}`))).sort()
    },
  }
}

function methodsOf({ method }: Route): readonly string[] {
  return typeof method === 'string' ? [method] : method
}

function isGuarded(hooks: Readonly<Record<string, unknown>>): boolean {
  return BEFORE_HANDLER.some((name) => [hooks[name]].flat().some(isGuard))
}

/** Nothing where Fastify keeps them in another way: then only what a route says itself counts. */
function hooksOf(place: object): Readonly<Record<string, unknown>> {
  for (let at: object | null = place; at !== null; at = Object.getPrototypeOf(at) as object | null) {
    const symbol = Object.getOwnPropertySymbols(at).find(({ description }) => description === HOOKS)
    if (symbol !== undefined) return (at as Record<symbol, Readonly<Record<string, unknown>>>)[symbol] ?? {}
  }
  return {}
}
