/** People, tokens and clients for tests of guards: the real engine in process, and clients that break in each way a client can. */
import { EventEmitter, once } from 'node:events'
import { createServer, get, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { openClient } from '../../../src/client/asking/open-client.ts'
import type { CallOptions, Client, Decision } from '../../../src/client/client.ts'
import { CallerDeniedError, type CastellanError, UnauthenticatedError, UnavailableError } from '../../../src/client/errors.ts'
import { createLocal, type Local } from '../../../src/client/testing/create-local.ts'
import { packageRoot } from '../../../src/ground/package-root.ts'

export interface GuardHouse {
  readonly client: Local
  /** ann is a salesperson in acme; bob is nothing there. */
  readonly ann: string
  readonly bob: string
}

export async function openGuardHouse(): Promise<GuardHouse> {
  const client = await createLocal({ policies: join(packageRoot(), 'policies') })
  client.grant({ user: 'ann', tenant: 'acme', role: 'salesperson' })
  client.putUser({ user: 'bob' })
  return { client, ann: client.logIn({ user: 'ann', tenant: 'acme' }), bob: client.logIn({ user: 'bob', tenant: 'acme' }) }
}

export function failing(error: CastellanError): Client {
  const fail = async () => {
    throw error
  }
  return openClient({ check: fail, checkAll: fail, listPermissions: fail, close: async () => undefined })
}

/** Each way not to decide, and the status that whoever called hears. */
export const FAILURES: readonly (readonly [string, Client, number])[] = [
  ['the service cannot be reached', failing(new UnavailableError('x', { code: 'unreachable', retryAfterSeconds: 3 })), 503],
  ['the deadline of the client has passed', failing(new UnavailableError('x', { code: 'deadline_exceeded' })), 503],
  ["the application's key is unknown", failing(new UnauthenticatedError('secret text', { code: 'unauthenticated' })), 500],
  ["the application's key may not ask", failing(new CallerDeniedError('secret text', { code: 'permission_denied' })), 500],
  ['the client throws what is no error of ours', openClient(broken(new RangeError('secret text'))), 500],
  ['answers are missing', openClient({ ...broken(new Error()), check: answering(undefined), checkAll: answering([]) }), 503],
  ['an answer is no decision', openClient({ ...broken(new Error()), check: answering({ allowed: 'false' }) }), 503],
]

/** What an application's own function may throw, and what frameworks could take for no error, or for an answer. */
export const ODD_FAULTS: readonly (readonly [string, unknown])[] = [
  ...[undefined, null, '', 0, -0, Number.NaN, 0n, false, true, 1, 'route', 'router', 'x', Symbol('x')].map(
    (fault) => [typeof fault, fault] as const,
  ),
  ['empty object', {}],
  ['no prototype', Object.create(null)],
  ['answer', { status: 200, statusCode: 200, message: 'secret', code: 0, headers: { location: '/' } }],
  ['error with the status of an answer', Object.assign(new Error('secret'), { status: 200, statusCode: 200 })],
  ['error with a status of text', Object.assign(new Error('secret'), { statusCode: '204' })],
  ['error with the status of a redirect', Object.assign(new Error('secret'), { statusCode: 302 })],
  [
    'error that cannot be read',
    Object.defineProperty(new Error('secret'), 'statusCode', {
      get() {
        throw 0
      },
    }),
  ],
]

/** Throws one of ODD_FAULTS, as a header says: `<place>-<index>-<throws or rejects>`. */
export function failAsTold(place: string, { headers }: { readonly headers: object }): undefined | Promise<never> {
  const [at, index, way] = String((headers as { readonly [FAIL]?: string })[FAIL]).split('-')
  if (at !== place) return undefined
  const fault = ODD_FAULTS[Number(index)]?.[1]
  if (way === 'rejects') return Promise.reject(fault)
  throw fault
}
const FAIL = 'x-fail'

/** Each odd fault of a subject and of a resource loader, thrown and rejected, as the header that makes it. */
export const ODD_HEADERS: readonly Readonly<Record<string, string>>[] = ODD_FAULTS.flatMap((_fault, index) =>
  ['subject', 'resource'].flatMap((place) => ['throws', 'rejects'].map((way) => ({ [FAIL]: `${place}-${index}-${way}` }))),
)

export function hanging(): Client {
  const never = () => new Promise<never>(() => undefined)
  return openClient({ check: never, checkAll: never, listPermissions: never, close: async () => undefined })
}

/** Never answers, and tells when it is asked and when nobody waits for it any more. */
export function leftAlone() {
  const events = new EventEmitter()
  const never = (_question: unknown, options?: CallOptions) => {
    options?.signal?.addEventListener('abort', () => events.emit('ended'))
    events.emit('asked')
    return new Promise<never>(() => undefined)
  }
  const client = openClient({ check: never, checkAll: never, listPermissions: never, close: async () => undefined })
  return {
    client,
    /** Asks by `url`, leaves when the client was asked, and waits until the client hears of it. */
    async leave(url: string, token: string): Promise<void> {
      const [asked, ended] = [once(events, 'asked'), once(events, 'ended')]
      // Not by fetch, which keeps a connection that the server would wait for.
      const caller = get(url, { headers: { authorization: `Bearer ${token}` }, agent: false }).on('error', () => undefined)
      await asked
      caller.destroy()
      await ended
    },
  }
}

function broken(fault: Error) {
  const fail = async () => {
    throw fault
  }
  return { check: fail, checkAll: fail, listPermissions: fail, close: async () => undefined }
}

function answering(value: unknown) {
  return async () => value as Decision & readonly Decision[]
}

export interface Serving {
  readonly url: string
  close(): Promise<void>
}

export async function serve(listener: RequestListener): Promise<Serving> {
  const server: Server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

export interface Heard {
  readonly status: number
  readonly type: string | null
  readonly headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: answers of every shape
  readonly body: any
}

export async function hear(url: string, token?: string, init: RequestInit = {}): Promise<Heard> {
  const headers = { ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...init.headers }
  const response = await fetch(url, { ...init, headers })
  const text = await response.text()
  const isJson = /json/.test(response.headers.get('content-type') ?? '')
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    headers: response.headers,
    body: isJson && text !== '' ? JSON.parse(text) : text,
  }
}
