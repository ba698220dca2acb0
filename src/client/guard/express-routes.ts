/**
 * Which routes of an Express 5 application have no guard before their handler. Runs none of its handlers. In doubt a route is listed: a guard counts
 * where it certainly runs first, and only up to a handler of errors that is not ours, which may pass its refusal on as none. It cannot see middleware with a `next` parameter that answers by itself (but `express.static`, which is listed),
 * handlers of `router.param`, and what rewrites `request.url`. Floor 6.
 */
import { METHODS } from 'node:http'
import { isErrorHandler, isGuard } from './requirement.ts'

interface Layer {
  readonly handle: unknown
  readonly name?: string
  readonly rawPath?: unknown
  readonly route?: { readonly stack: readonly Layer[] }
  readonly method?: string
}

interface Stack {
  readonly stack: readonly Layer[]
}

/** How deep routers stand in routers before it is a circle. */
const DEPTH_MAX = 50
const EVERYTHING = new Set(['/', ''])
const REST = /^\/?\{\/?\*\w+\}$/

/** @throws TypeError for what is no application or router of Express 5 */
export function unguarded(app: object): readonly string[] {
  const router = routerOf(app)
  if (router === undefined)
    throw new TypeError('unguarded(app) takes an application or router of Express 5; for 4, keep routes in routers and give those')
  const found = new Set<string>()
  walk(router, '', found, 0)
  return [...found].sort()
}

function routerOf(app: unknown): Stack | undefined {
  if ((typeof app !== 'object' && typeof app !== 'function') || app === null) return undefined
  if (hasStack(app)) return app
  const router = 'router' in app ? app.router : undefined
  return hasStack(router) ? router : undefined
}

function hasStack(value: unknown): value is Stack {
  return (typeof value === 'object' || typeof value === 'function') && value !== null && Array.isArray((value as Partial<Stack>).stack)
}

/** In the order in which requests go through it. `covers`: paths of this router that a guard stands before, from here on. */
function walk({ stack }: Stack, prefix: string, found: Set<string>, depth: number): void {
  if (depth > DEPTH_MAX) {
    found.add(`* ${prefix}/ (routers nested beyond ${DEPTH_MAX})`)
    return
  }
  const covers: Cover[] = []
  for (const layer of stack) {
    // Who handles errors may call `next()` for that of a guard, and what comes then runs. Wherever it stands: in doubt a route is listed.
    if (passesErrors(layer)) covers.length = 0
    // Guards as middleware run for whatever lies under their path, and for all methods.
    if (isGuard(layer.handle)) {
      for (const path of pathsOf(layer)) covers.push({ path, exact: false })
      continue
    }
    for (const path of pathsOf(layer)) {
      if (layer.route !== undefined) walkRoute(layer.route.stack, path, prefix, covers, found)
      else if (!covers.some((cover) => isCovered(path, cover, undefined))) walkUsed(layer, path, prefix, found, depth)
    }
  }
}

/** What middleware or a guard-only route stands before: `method` undefined for all of them. */
interface Cover {
  readonly path: unknown
  readonly exact: boolean
  readonly method?: string | undefined
}

function walkRoute(stack: readonly Layer[], path: unknown, prefix: string, covers: Cover[], found: Set<string>): void {
  const open: (string | undefined)[] = []
  for (const method of new Set(stack.map((layer) => layer.method))) {
    if (covers.some((cover) => isCovered(path, cover, method))) continue
    const parts = partsOf(stack.filter((layer) => layer.method === undefined || layer.method === method))
    const [first = [], ...others] = parts
    if (others.length === 0 && first.length > 0 && first.every(({ handle }) => isGuard(handle))) covers.push({ path, exact: true, method })
    else if (!parts.some((part) => part.length > 0) || parts.some(isOpen)) open.push(method)
  }
  // Applications put `all` down as each method by itself.
  const methods = open.length >= METHODS.length ? [undefined] : open
  for (const method of methods) found.add(`${method?.toUpperCase() ?? 'ALL'} ${join(prefix, path)}`)
}

/** The handlers of requests, anew behind each handler of errors: it may call `next()` for what a guard before it refused. */
function partsOf(layers: readonly Layer[]): readonly (readonly Layer[])[] {
  const parts: Layer[][] = [[]]
  for (const layer of layers) {
    if (passesErrors(layer)) parts.push([])
    else if (handlesRequests(layer)) parts.at(-1)?.push(layer)
  }
  return parts
}

/** Without a guard, or with one that has nothing behind it, or that comes after who can only answer, as they have no `next` to call. */
function isOpen(part: readonly Layer[]): boolean {
  const guardAt = part.findIndex(({ handle }) => isGuard(handle))
  if (guardAt === -1) return part.length > 0
  return part.slice(guardAt).every(({ handle }) => isGuard(handle)) || part.slice(0, guardAt).some(answers)
}

function walkUsed(layer: Layer, path: unknown, prefix: string, found: Set<string>, depth: number): void {
  const place = join(prefix, path)
  const isMounted = layer.name === 'mounted_app'
  const inner = isMounted ? mountedApp(layer.handle) : layer.handle
  if (hasStack(inner)) walk(inner, place, found, depth + 1)
  else if (isMounted) found.add(`* ${place} (application that cannot be looked into)`)
  else if (layer.name === 'serveStatic') found.add(`GET ${place} (static files)`)
  else if (handlesRequests(layer) && answers(layer)) found.add(`* ${place}`)
}

function handlesRequests({ handle }: Layer): boolean {
  return typeof handle === 'function' && handle.length < 4
}

/** Ours never turns an error into none. */
function passesErrors({ handle }: Layer): boolean {
  return typeof handle === 'function' && handle.length === 4 && !isErrorHandler(handle)
}

function answers({ handle }: Layer): boolean {
  return typeof handle === 'function' && handle.length < 3
}

/** Express leaves the paths of a layer as they were given; without them nothing is known of where it stands. */
function pathsOf({ rawPath }: Layer): readonly unknown[] {
  return Array.isArray(rawPath) ? rawPath.flat(Number.POSITIVE_INFINITY) : [rawPath]
}

/** Only what is certain from the text: segments that are the same, or a parameter that takes any one segment. */
function isCovered(path: unknown, cover: Cover, method: string | undefined): boolean {
  if (cover.method !== undefined && cover.method !== method) return false
  if (typeof cover.path !== 'string') return false
  if (!cover.exact && EVERYTHING.has(cover.path)) return true
  if (REST.test(cover.path)) return true
  if (typeof path !== 'string') return false
  if (cover.exact) return path === cover.path
  const [guarded, asked] = [segments(cover.path), segments(path)]
  return guarded.length <= asked.length && guarded.every((segment, index) => isSameSegment(segment, asked[index] ?? ''))
}

/** No sign that means something in a path of Express. */
const PLAIN = /^[A-Za-z0-9._~%$&'@=;,-]+$/
const PARAMETER = /^:[A-Za-z_$][\w$]*$/

function isSameSegment(guarded: string, asked: string): boolean {
  if (PLAIN.test(guarded)) return guarded === asked
  return PARAMETER.test(guarded) && (PLAIN.test(asked) || PARAMETER.test(asked))
}

function segments(path: string): readonly string[] {
  return path.split('/').filter((segment, index, all) => segment !== '' || (index !== 0 && index !== all.length - 1))
}

function join(prefix: string, path: unknown): string {
  const text = path === undefined ? '/(path unknown)' : String(path)
  const joined = `${prefix.replace(/\/$/, '')}${typeof path === 'string' && !text.startsWith('/') ? '/' : ''}${text}`
  return joined.length > 1 && typeof path === 'string' ? joined.replace(/\/$/, '') : joined
}

/**
 * Express wraps an application that is mounted in a function that shows nothing of it. But before anything of it runs, that function gives the request
 * the prototype of the application, which names it: a request that refuses the prototype learns the application, and ends the call there.
 */
function mountedApp(handle: unknown): Stack | undefined {
  let app: unknown
  const request = new Proxy(
    { app: undefined },
    {
      setPrototypeOf(_target, prototype) {
        app = (prototype as { readonly app?: unknown } | null)?.app
        throw new Error('Looked into')
      },
    },
  )
  try {
    ;(handle as (request: object, response: object, next: () => void) => void)(
      request,
      { setHeader: () => undefined, locals: {} },
      () => undefined,
    )
  } catch {
    // Ours, or that of an Express that works in another way: then the application stays unknown.
  }
  return routerOf(app)
}
