/** One connection to Redis, whichever way it is reached, with the few commands that we use. Never reconnects (see redis-link.ts). Floor 2. */
import { REDIS_COMMANDS_WAITING_MAX, REDIS_CONNECT_TIMEOUT_MS } from '../model/limits.ts'
import type { RedisAddress, RedisServer } from './redis-address.ts'

export interface RedisConnection {
  get(key: string): Promise<Buffer | null>
  set(key: string, value: Buffer, ttlMs: number): Promise<unknown>
  /** Runs a Lua script on one key; it answers with a text. */
  run(script: string, key: string, args: readonly string[]): Promise<string>
  publish(channel: string, message: string): Promise<unknown>
  subscribe(channels: readonly string[], heard: (channel: string) => void): Promise<unknown>
  /** At once: what has no answer yet fails. Safe to call twice. */
  close(): void
}

export interface RedisConnectNeeds {
  readonly address: RedisAddress
  /** Authorities (PEM) for TLS; absent: those that Node trusts. */
  readonly ca: Buffer | undefined
  /** Gives the attempt up. */
  readonly signal: AbortSignal
  /** The connection that was made does not serve any more: it is to be closed, and another one made. May be called more than once. */
  readonly lost: (fault: unknown) => void
}

/** What the clients of one server and of a cluster have in common. */
interface Commands {
  set(key: string, value: Buffer, options: { readonly expiration: { readonly type: 'PX'; readonly value: number } }): Promise<unknown>
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>
  publish(channel: string, message: string): Promise<unknown>
  subscribe(channels: string[], listener: (message: string, channel: string) => void): Promise<unknown>
  destroy(): void
}

/** @throws whatever the driver throws; nothing stays open then */
export async function connectRedis(needs: RedisConnectNeeds): Promise<RedisConnection> {
  const { address } = needs
  if (address.mode === 'cluster') return await connectCluster(needs, address.servers)
  if (address.mode === 'single') return await connectServer(needs, theFirst(address.servers), address.database)
  return await connectServer(needs, await findMaster(needs, address.masterName), address.database, 'master')
}

/** The library is loaded by the first who needs it: a process without Redis never does. */
async function load() {
  return await import('redis')
}

/** Reconnecting is ours: the library's own would hide a new connection from who has to know of it, and queue what nobody waits for any more. */
function clientOptions({ address, ca }: RedisConnectNeeds) {
  const { tls, username, password } = address
  return {
    name: 'castellan',
    disableOfflineQueue: true,
    commandsQueueMaxLength: REDIS_COMMANDS_WAITING_MAX,
    maintNotifications: 'disabled' as const,
    // Deadlines are kept by who asks, by one timer.
    commandOptions: { timeout: 0 },
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    socket: {
      connectTimeout: REDIS_CONNECT_TIMEOUT_MS,
      reconnectStrategy: false as const,
      ...(tls ? { tls: true as const, ...(ca === undefined ? {} : { ca }) } : {}),
    },
  }
}

async function connectServer(needs: RedisConnectNeeds, server: RedisServer, database: number, role?: 'master'): Promise<RedisConnection> {
  const { createClient, RESP_TYPES } = await load()
  const options = clientOptions(needs)
  const client = createClient({ ...options, database, socket: { ...options.socket, ...server } })
  const close = () => client.destroy()
  const established = watch(needs, client, ['error'], close)
  // Given up while the socket was being opened, which the library cannot interrupt.
  client.on('connect', () => {
    if (needs.signal.aborted) close()
  })
  try {
    await client.connect()
    if (role !== undefined && String(await client.sendCommand(['ROLE'])).split(',')[0] !== role)
      throw new Error(`The server is not a ${role}`)
    needs.signal.throwIfAborted()
  } catch (fault) {
    close()
    throw fault
  }
  established()
  const binary = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer })
  return connectionOver(client, (key) => binary.get(key), needs.lost)
}

/** All nodes of a cluster count as one connection: when one of them is lost, the others are left too and the cluster is discovered anew. */
async function connectCluster(needs: RedisConnectNeeds, servers: readonly RedisServer[]): Promise<RedisConnection> {
  const { createCluster, RESP_TYPES } = await load()
  const { commandOptions, ...defaults } = clientOptions(needs)
  const cluster = createCluster({
    // Only discovery goes by these; a node that is silent then is passed over.
    rootNodes: servers.map((server) => ({ socket: { ...defaults.socket, ...server, socketTimeout: REDIS_CONNECT_TIMEOUT_MS } })),
    defaults,
    commandOptions,
  })
  const close = () => cluster.destroy()
  const established = watch(needs, cluster, ['error', 'node-error'], close)
  try {
    await cluster.connect()
    needs.signal.throwIfAborted()
  } catch (fault) {
    close()
    throw fault
  }
  established()
  const binary = cluster.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer })
  return connectionOver(cluster, (key) => binary.get(key), needs.lost)
}

/** Asks one sentinel after the other, as their protocol has it. The library's own sentinel client asks on without pause while a master is down. */
async function findMaster(needs: RedisConnectNeeds, masterName: string): Promise<RedisServer> {
  let last: unknown
  for (const sentinel of needs.address.servers) {
    needs.signal.throwIfAborted()
    try {
      const master = await askSentinel(needs, sentinel, masterName)
      if (master !== undefined) return master
      last = new Error('The sentinel does not know this master')
    } catch (fault) {
      last = fault
    }
  }
  throw last
}

async function askSentinel(needs: RedisConnectNeeds, sentinel: RedisServer, masterName: string): Promise<RedisServer | undefined> {
  const { createClient } = await load()
  const options = clientOptions(needs)
  const client = createClient({ ...options, socket: { ...options.socket, ...sentinel, socketTimeout: REDIS_CONNECT_TIMEOUT_MS } })
  const close = () => client.destroy()
  watch(needs, client, ['error'], close)
  try {
    await client.connect()
    const answer: unknown = await client.sendCommand(['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', masterName])
    if (!Array.isArray(answer)) return undefined
    return { host: String(answer[0]), port: Number(answer[1]) }
  } finally {
    close()
  }
}

interface Emitter {
  on(event: string, listener: (fault: unknown) => void): unknown
}

/** Hears every error, as one that is not heard ends the process. @returns to be called once: from then on an error means that the connection is lost */
function watch({ signal, lost }: RedisConnectNeeds, client: Emitter, events: readonly string[], close: () => void): () => void {
  let established = false
  for (const event of events)
    client.on(event, (fault) => {
      if (established) lost(fault)
    })
  signal.addEventListener('abort', close, { once: true })
  return () => {
    established = true
    signal.removeEventListener('abort', close)
  }
}

function connectionOver(client: Commands, get: (key: string) => Promise<Buffer | null>, lost: (fault: unknown) => void): RedisConnection {
  /** A former master that became a replica answers on, but writes have to go elsewhere. */
  const written = async (answer: Promise<unknown>) => {
    try {
      return await answer
    } catch (fault) {
      if (fault instanceof Error && fault.message.startsWith('READONLY')) lost(fault)
      throw fault
    }
  }
  return {
    get,
    set: (key, value, ttlMs) => written(client.set(key, value, { expiration: { type: 'PX', value: ttlMs } })),
    run: async (script, key, args) => String(await written(client.eval(script, { keys: [key], arguments: [...args] }))),
    publish: (channel, message) => client.publish(channel, message),
    subscribe: (channels, heard) => client.subscribe([...channels], (_, channel) => heard(channel)),
    close: () => client.destroy(),
  }
}

function theFirst(servers: readonly RedisServer[]): RedisServer {
  const [first] = servers
  if (first === undefined) throw new Error('An address without a server')
  return first
}
