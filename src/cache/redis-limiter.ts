/** Counts attempts over all processes, in Redis; each for itself while Redis does not answer. Knows not who is counted. Floor 2. */
import { REDIS_BREAK_MS, REDIS_FAILURES_MAX } from '../model/limits.ts'
import { answerWithin } from './answer-within.ts'
import { Breaker } from './breaker.ts'
import { MemoryLimiter } from './memory-limiter.ts'
import type { Limiter } from './ports.ts'
import { faultName, RedisLink, type RedisNeeds } from './redis-link.ts'

/**
 * Counts one attempt and answers with the milliseconds that are left of the window when it is one too many, else with 0. ARGV: milliseconds
 * of the window, most attempts. Atomic, as scripts are; one key, so that it runs on a cluster. A counter without an end would never let anybody in again.
 */
const TAKE = `
local count = redis.call('INCR', KEYS[1])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
  left = tonumber(ARGV[1])
end
if count <= tonumber(ARGV[2]) then
  return '0'
end
return tostring(math.max(left, 1))`

/** Answers as TAKE would, and counts nothing. ARGV: as there. */
const LOOK = `
if tonumber(redis.call('GET', KEYS[1]) or '0') < tonumber(ARGV[2]) then
  return '0'
end
return tostring(math.max(redis.call('PTTL', KEYS[1]), 1))`

const PREFIX = 'castellan:limit:'

/**
 * While Redis is away or slow each process counts on its own: somebody may then try as often as there are processes more, which is better than
 * a login service that stops when a cache does, and than one without limits.
 */
export class RedisLimiter implements Limiter {
  readonly #needs: RedisNeeds
  readonly #link: RedisLink
  readonly #breaker: Breaker
  readonly #own: MemoryLimiter
  #lastFault: unknown

  /** Begins to connect, with a connection of its own; until it has, this process counts. */
  constructor(needs: RedisNeeds) {
    const { clock, observe, log } = needs
    this.#needs = needs
    this.#own = new MemoryLimiter(needs)
    this.#breaker = new Breaker({
      clock,
      failuresMax: REDIS_FAILURES_MAX,
      breakMs: REDIS_BREAK_MS,
      changed: (open) => {
        observe.breaker(open)
        if (open)
          log.warn({ fault: faultName(this.#lastFault) }, 'Redis fails or is slow; each process limits on its own until a trial succeeds')
        else log.info('Redis answers again; limits are shared')
      },
    })
    this.#link = new RedisLink(needs, 'limiter', () => undefined)
  }

  async take(key: string, limit: { readonly max: number; readonly windowMs: number }): Promise<number> {
    return (await this.#ask(TAKE, key, limit)) ?? this.#own.takeNow(key, limit)
  }

  async look(key: string, limit: { readonly max: number; readonly windowMs: number }): Promise<number> {
    return (await this.#ask(LOOK, key, limit)) ?? this.#own.lookNow(key, limit)
  }

  close(): void {
    this.#link.close()
  }

  /** `undefined`: Redis did not answer in time, or is not asked now. */
  async #ask(script: string, key: string, limit: { readonly max: number; readonly windowMs: number }): Promise<number | undefined> {
    const { clock, observe } = this.#needs
    const { connection } = this.#link
    const attempt = connection === undefined ? undefined : this.#breaker.begin()
    if (connection === undefined || attempt === undefined) return undefined
    const failed = (fault: unknown) => {
      this.#lastFault = fault
      observe.failed('limit')
    }
    const asked = connection.run(script, `${PREFIX}${key}`, [String(limit.windowMs), String(limit.max)])
    const answer = await answerWithin({ clock, link: this.#link, connection, attempt, failed }, asked)
    // Whatever else answers so is not our script.
    return answer !== undefined && /^\d{1,15}$/.test(answer) ? Number(answer) : undefined
  }
}
