/** Where Redis is, in the form of an address: one server, behind sentinels, or a cluster. Connects to nothing. Floor 2. */
import { REDIS_SERVERS_MAX } from '../model/limits.ts'

export interface RedisServer {
  readonly host: string
  readonly port: number
}

interface RedisAccess {
  readonly tls: boolean
  readonly username: string | undefined
  /** Never to be logged, nor the address as it was written. */
  readonly password: string | undefined
  /** At least one. */
  readonly servers: readonly RedisServer[]
}
export type RedisAddress = RedisAccess &
  (
    | { readonly mode: 'single'; readonly database: number }
    /** The servers are the sentinels; user and password are shown to them and to Redis alike. */
    | { readonly mode: 'sentinel'; readonly database: number; readonly masterName: string }
    /** The servers are some of its nodes; the others are found. A cluster has one database only. */
    | { readonly mode: 'cluster' }
  )

/** For a person: all forms that are understood. */
export const REDIS_ADDRESS_FORMS =
  '`redis://[user:password@]host[:port][/database]`, `redis+sentinel://[user:password@]host[:port],…/master-name[/database]` or ' +
  '`redis+cluster://[user:password@]host[:port],…`; with `rediss` in place of `redis` over TLS; special characters percent-encoded'

const FORM =
  /^redis(?<tls>s?)(?:\+(?<mode>sentinel|cluster))?:\/\/(?:(?<user>[^:@/]*)(?::(?<password>[^@/]*))?@)?(?<servers>[^@/?#]+)(?<path>\/[^?#]*)?$/
const SERVER = /^(?:\[(?<v6>[0-9a-fA-F:.]+)\]|(?<name>[0-9A-Za-z._-]+))(?::(?<port>\d{1,5}))?$/

/** `undefined` when it has none of the forms. */
export function parseRedisAddress(text: string): RedisAddress | undefined {
  const parts = FORM.exec(text)?.groups
  if (parts === undefined) return undefined
  const mode = parts['mode'] ?? 'single'
  const servers = (parts['servers'] ?? '').split(',').map((server) => parseServer(server, mode === 'sentinel' ? 26_379 : 6_379))
  const username = decode(parts['user'] ?? '')
  const password = decode(parts['password'] ?? '')
  const path = (parts['path'] ?? '').split('/').slice(1)
  if (servers.length > REDIS_SERVERS_MAX || username === undefined || password === undefined || !servers.every(isServer)) return undefined
  const access = { tls: parts['tls'] === 's', username: username || undefined, password: password || undefined, servers }

  if (mode === 'cluster') return path.every((part) => part === '') ? { ...access, mode } : undefined
  const masterName = mode === 'sentinel' ? decode(path.shift() ?? '') : ''
  const database = parseDatabase(path)
  if (masterName === undefined || database === undefined) return undefined
  if (mode === 'sentinel') return masterName === '' ? undefined : { ...access, mode, masterName, database }
  return servers.length === 1 ? { ...access, mode: 'single', database } : undefined
}

/** Which servers, and how; no secret. */
export function describeRedisAddress({ mode, tls, servers }: RedisAddress): string {
  return `${mode}${tls ? ' over TLS' : ''}: ${servers.map(({ host, port }) => `${host}:${port}`).join(', ')}`
}

function parseServer(text: string, defaultPort: number): RedisServer | undefined {
  const parts = SERVER.exec(text)?.groups
  const host = parts?.['v6'] ?? parts?.['name']
  const port = Number(parts?.['port'] ?? defaultPort)
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host, port }
}

function isServer(server: RedisServer | undefined): server is RedisServer {
  return server !== undefined
}

function parseDatabase(path: readonly string[]): number | undefined {
  const [text = '', ...rest] = path
  return rest.length === 0 && /^\d{0,5}$/.test(text) ? Number(text) : undefined
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
