/** What a run does to the contents of Redis: counts, copies, puts back, flushes. */
import { createClient, RESP_TYPES } from 'redis'

/** By key, as DUMP gives them. */
export type RedisCopy = ReadonlyMap<string, Buffer>

export interface RedisKeys {
  ping(): Promise<void>
  /** @returns how many keys there were */
  flush(): Promise<number>
  copy(): Promise<RedisCopy>
  /** Replaces whatever is there. @returns how many differed from it */
  restore(copy: RedisCopy): Promise<number>
}

/** How long a copy lives once it is put back: as long as anything may. */
const RESTORED_TTL_MS = 600_000

/** @throws when Redis cannot be reached within a second */
export async function withRedis<T>(url: string, work: (keys: RedisKeys) => Promise<T>): Promise<T> {
  const client = createClient({ url, RESP: 2, socket: { connectTimeout: 1_000, reconnectStrategy: false } }).withTypeMapping({
    [RESP_TYPES.BLOB_STRING]: Buffer,
  })
  client.on('error', () => undefined)
  await client.connect()
  const dump = async (key: string) => (await client.sendCommand(['DUMP', key])) as unknown as Buffer | null
  try {
    return await work({
      ping: async () => {
        await client.sendCommand(['PING'])
      },
      flush: async () => {
        const keys = Number(await client.sendCommand(['DBSIZE']))
        await client.sendCommand(['FLUSHALL'])
        return keys
      },
      // Pipelined: a run that keeps its machine busy would need seconds for one key after the other.
      copy: async () => {
        const names = ((await client.sendCommand(['KEYS', 'castellan:*'])) as unknown as Buffer[]).map(String)
        const values = await Promise.all(names.map(async (name) => [name, await dump(name)] as const))
        return new Map(values.flatMap(([name, value]) => (value === null ? [] : [[name, value] as const])))
      },
      restore: async (copy) => {
        const differed = await Promise.all(
          [...copy].map(async ([key, value]) => {
            const [there] = await Promise.all([dump(key), client.sendCommand(['RESTORE', key, String(RESTORED_TTL_MS), value, 'REPLACE'])])
            return there === null || !there.equals(value)
          }),
        )
        return differed.filter(Boolean).length
      },
    })
  } finally {
    client.destroy()
  }
}
