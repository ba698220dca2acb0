/** Records as entries of a Redis stream, one field `record` each. The connection is the cache's. Floor 5. */
import type { RedisStream } from '../../cache/redis-stream.ts'
import type { DecisionSink } from './sink.ts'

/** @param stream closed with it */
export function openRedisSink(stream: Pick<RedisStream, 'append' | 'close'>): DecisionSink {
  return {
    name: 'redis',
    async write(batch, signal) {
      await stream.append(
        batch.map((entry) => entry.line),
        signal,
      )
      return 0
    },
    close: async () => stream.close(),
  }
}
