/** `castellan serve` as in production, with the bench's facts: PostgreSQL, Redis, decision log, metrics. Measures nothing. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { castellanEntry, cleanEnvironment } from '../../test/support/castellan-process.ts'
import { type Facts, OFFICE } from '../facts.ts'
import type { Place } from './place.ts'
import { freePort, openFolder, type ServerProcess, startServer } from './server-process.ts'
import type { Stores } from './stores.ts'

export interface CastellanOptions {
  /** `none`, or where decisions are recorded; default stdout, a pipe that another process reads. */
  readonly decisionLog?: string
  /** Processes that share its ports; default 1. */
  readonly workers?: number
  /** Settings beyond these, by their names. */
  readonly environment?: Readonly<Record<string, string>>
  /** Cores for it, such as `0,1`; default the one of all servers. */
  readonly cores?: string
}

export interface CastellanServer extends ServerProcess {
  readonly name: string
  readonly grpcPort: number
  readonly httpPort: number
  readonly probesPort: number
  readonly key: string
}

const KEY = 'bench-key-'.padEnd(48, 'k')
/** At once to a service that is being filled; more would wait for connections to the database. */
const SEEDS_AT_ONCE = 8

export async function openCastellan(stores: Stores, place: Place, options: CastellanOptions = {}): Promise<CastellanServer> {
  const [httpPort, grpcPort, probesPort] = [await freePort(), await freePort(), await freePort()]
  const environment = cleanEnvironment({
    NODE_ENV: 'production',
    CASTELLAN_DATABASE_URL: stores.postgresUrl,
    CASTELLAN_REDIS_URL: stores.redisUrl,
    CASTELLAN_HTTP_PORT: String(httpPort),
    CASTELLAN_GRPC_PORT: String(grpcPort),
    CASTELLAN_METRICS_PORT: String(probesPort),
    CASTELLAN_ADMIN_KEY: KEY,
    CASTELLAN_POLICY_SOURCE: 'directory',
    CASTELLAN_POLICIES: OFFICE,
    CASTELLAN_DECISION_LOG: options.decisionLog ?? 'stdout',
    // A run is over when it is over: nobody has to be sent elsewhere first.
    CASTELLAN_STOP_SETTLE_SECONDS: '0',
    ...(options.workers === undefined ? {} : { CASTELLAN_WORKERS: String(options.workers) }),
    ...options.environment,
  })
  await promisify(execFile)(process.execPath, [castellanEntry, 'migrate'], { env: environment })
  const server = startServer({
    name: 'castellan',
    command: options.cores === undefined ? process.execPath : 'taskset',
    args: [...(options.cores === undefined ? [] : ['-c', options.cores, process.execPath]), castellanEntry, 'serve'],
    environment,
    core: options.cores === undefined ? place.server : undefined,
    readerCore: place.load,
    folder: openFolder(),
  })
  try {
    await server.ready(async () => (await fetch(`http://127.0.0.1:${probesPort}/readyz`)).ok)
  } catch (fault) {
    await server.close()
    throw fault
  }
  return { ...server, name: 'castellan', grpcPort, httpPort, probesPort, key: KEY }
}

/** Puts everything of the facts into its database, by its own HTTP. */
export async function seedCastellan(server: CastellanServer, { people, tenants }: Facts): Promise<void> {
  for (const tenant of tenants) await callCastellan(server, 'PUT', `/v1/tenants/${tenant}`, {})
  const rest = people.map(({ user, attributes, roles }) => async () => {
    await callCastellan(server, 'PUT', `/v1/users/${user}`, { attributes })
    for (const tenant of tenants)
      for (const role of roles[tenant] ?? [])
        await callCastellan(server, 'POST', `/v1/tenants/${tenant}/users/${user}/assignments`, { role, reason: 'bench' })
  })
  const one = async () => {
    for (let next = rest.pop(); next !== undefined; next = rest.pop()) await next()
  }
  await Promise.all(Array.from({ length: SEEDS_AT_ONCE }, one))
}

/** One request of its administrator. @throws Error for anything but success */
export async function callCastellan(server: CastellanServer, method: string, path: string, body?: unknown): Promise<unknown> {
  const answer = await fetch(`http://127.0.0.1:${server.httpPort}${path}`, {
    method,
    headers: { authorization: `Bearer ${server.key}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`castellan answers ${answer.status} to ${method} ${path}: ${text}`)
  return text === '' ? undefined : JSON.parse(text)
}
