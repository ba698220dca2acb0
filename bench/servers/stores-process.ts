/** Run by stores.ts: starts PostgreSQL and Redis, tells where they are, stops them at the end of its standard input. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { startEmbeddedPostgres } from '../../test/support/embedded-postgres.ts'
import { startRedis } from '../../test/support/redis.ts'

process.stdin.resume()
const over = once(process.stdin, 'end')
const postgres = await startEmbeddedPostgres()
try {
  const redis = await startRedis()
  try {
    const redisVersion = /v=(\S+)/.exec(execFileSync('redis-server', ['--version'], { encoding: 'utf8' }))?.[1] ?? 'unknown'
    process.stdout.write(`${JSON.stringify({ postgresUrl: postgres.url, redisUrl: redis.url, versions: { redis: redisVersion } })}\n`)
    await over
  } finally {
    await redis.stop()
  }
} finally {
  await postgres.stop()
}
process.exit()
