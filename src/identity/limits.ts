/** How often anybody may try, and who is told. Counting is the limiter's; what follows from a silent limit is the caller's. Floor 5. */
import { createHmac } from 'node:crypto'
import { isIPv4, isIPv6 } from 'node:net'
import type { Limiter } from '../cache/ports.ts'
import { ServiceError } from '../model/error-code.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** What is counted. A window begins with its first attempt. */
export const LIMITS = {
  /** Who waits for a mail clicks again: one is on its way already. */
  'start-browser': { max: 1, windowMs: MINUTE },
  /** One sender cannot fill somebody's mailbox. */
  'start-sender': { max: 5, windowMs: HOUR },
  /** Nor can many senders together. Of one address there are so many open challenges at most, whoever asked for them, each with its own tries. */
  'start-email': { max: 20, windowMs: HOUR },
  /** One network cannot write to many addresses, nor fill the table of challenges. */
  'start-network': { max: 10, windowMs: 10 * MINUTE },
  /** Codes and links that one network can try. */
  'verify-network': { max: 20, windowMs: 10 * MINUTE },
  /**
   * Codes of one address, over all its challenges: its own tries would leave 20 x 5 an hour to whoever asks for it again and again, 2,400 a day.
   * So it is 100 a day, which is 1 in 10,000 for an attack that five networks keep up all day; NIST SP 800-63B (5.2.2) allows as many. Beyond it
   * codes are refused as wrong ones are, and links go on: nobody is locked out.
   */
  'code-email': { max: 100, windowMs: DAY },
  /** One network cannot use them up for somebody else. */
  'code-sender': { max: 20, windowMs: DAY },
  /** A client that refreshes without pause is broken; each refresh is a transaction. */
  'refresh-session': { max: 60, windowMs: MINUTE },
  /** Each makes a session: counted by person, as a session that is made so would bring a counter of its own. */
  'exchange-user': { max: 60, windowMs: 10 * MINUTE },
  /** Signing out, of any kind. Not counted with the refreshes: who refreshes without pause must still be able to leave. */
  'end-session': { max: 60, windowMs: MINUTE },
  /** Keys cannot be guessed; this keeps a client with a wrong one from trying it without end. The other clients of its network are not stopped. */
  'client-network': { max: 20, windowMs: 10 * MINUTE },
} as const

export type LimitName = keyof typeof LIMITS

export interface LimitNeeds {
  readonly limiter: Limiter
  /** What e-mail and network addresses are digested under: a plain digest of either is found by trying all. The same in all processes. */
  readonly key: Uint8Array
  readonly observe: { limited(limit: LimitName): void }
}

export interface Limits {
  /**
   * Counts a login that is asked for: by the wider of the silent limits only where the narrower ones had room, so that whoever goes on uses up
   * nothing but their own. The same number of steps either way.
   * @returns whether a mail may be sent: its own limits tell nobody that they were reached, or they would tell who is written to
   * @throws ServiceError `rate_limited` per network address
   */
  start(sender: { readonly email: string; readonly binding: string; readonly address: string }): Promise<boolean>
  /** Counts a link or a code that is tried, or looked at. @throws ServiceError `rate_limited` */
  verify(address: string): Promise<void>
  /** Counts a code that is about to be compared, as `start` does. @returns whether it may be; who tries is not told */
  code(sender: { readonly email: string; readonly address: string }): Promise<boolean>
  /** @throws ServiceError `rate_limited` */
  refresh(sessionId: string): Promise<void>
  /** Counts a move of this person to another tenant. @throws ServiceError `rate_limited` */
  exchange(user: string): Promise<void>
  /** Counts a wish to end sessions, by the session that asks. @throws ServiceError `rate_limited` */
  end(sessionId: string): Promise<void>
  /** Attempts of clients to prove who they are, of which only failed ones count. */
  readonly clientAttempts: {
    /** @throws ServiceError `rate_limited` when this network failed too often as this client */
    admit(address: string, clientId: string): Promise<void>
    failed(address: string, clientId: string): Promise<void>
  }
}

export function openLimits({ limiter, key, observe }: LimitNeeds): Limits {
  /** Parts are joined unambiguously; each limit has digests of its own. */
  const keyOf = (name: LimitName, who: readonly string[]) =>
    `${name}:${createHmac('sha256', key)
      .update(JSON.stringify([name, ...who]))
      .digest('base64url')}`
  const told = (name: LimitName, leftMs: number) => {
    if (leftMs > 0) observe.limited(name)
    return leftMs
  }
  const take = async (name: LimitName, ...who: readonly string[]) => told(name, await limiter.take(keyOf(name, who), LIMITS[name]))
  const look = async (name: LimitName, ...who: readonly string[]) => told(name, await limiter.look(keyOf(name, who), LIMITS[name]))
  /** From the narrowest to the widest. @returns whether all had room */
  const takeInTurn = async (...counted: readonly (readonly [LimitName, ...(readonly string[])])[]) => {
    let hasRoom = true
    for (const [name, ...who] of counted) {
      const leftMs = await (hasRoom ? take : look)(name, ...who)
      hasRoom &&= leftMs === 0
    }
    return hasRoom
  }

  return {
    async start({ email, binding, address }) {
      const network = networkOf(address)
      const byNetwork = await take('start-network', network)
      if (byNetwork > 0) throw rateLimited(byNetwork)
      return await takeInTurn(['start-browser', email, binding], ['start-sender', email, network], ['start-email', email])
    },
    async verify(address) {
      const leftMs = await take('verify-network', networkOf(address))
      if (leftMs > 0) throw rateLimited(leftMs)
    },
    async code({ email, address }) {
      return await takeInTurn(['code-sender', email, networkOf(address)], ['code-email', email])
    },
    async refresh(sessionId) {
      const leftMs = await take('refresh-session', sessionId)
      if (leftMs > 0) throw rateLimited(leftMs)
    },
    async exchange(user) {
      const leftMs = await take('exchange-user', user)
      if (leftMs > 0) throw rateLimited(leftMs)
    },
    async end(sessionId) {
      const leftMs = await take('end-session', sessionId)
      if (leftMs > 0) throw rateLimited(leftMs)
    },
    clientAttempts: {
      async admit(address, clientId) {
        const leftMs = await look('client-network', networkOf(address), clientId)
        if (leftMs > 0) throw rateLimited(leftMs)
      },
      async failed(address, clientId) {
        await take('client-network', networkOf(address), clientId)
      },
    },
  }
}

function rateLimited(leftMs: number): ServiceError {
  return new ServiceError('rate_limited', 'Too many attempts from this network, session or person.', {
    hint: 'Wait as long as Retry-After says.',
    retryAfterSeconds: Math.ceil(leftMs / 1_000),
  })
}

const GROUPS = 8
/** A customer of an IPv6 provider has at least so many groups of their own, and any number of addresses below. */
const NETWORK_GROUPS = 4

/** What one subscriber has: an IPv4 address, or the /64 of an IPv6 one. Anything else counts as one network. */
export function networkOf(address: string): string {
  if (isIPv4(address)) return address
  const bare = address.replace(/%.*$/, '')
  if (!isIPv6(bare)) return 'unknown'
  const groups = groupsOf(bare)
  const last = groups.slice(-2).map((group) => Number.parseInt(group, 16))
  // An IPv4 address in the clothes of IPv6 (RFC 4291, 2.5.5.2): otherwise all of them would be one network.
  if (/^(0,){5}ffff,/.test(groups.join(','))) return last.flatMap((group) => [group >> 8, group & 255]).join('.')
  return `${groups.slice(0, NETWORK_GROUPS).join(':')}::/64`
}

/** All eight groups, without leading zeros. */
function groupsOf(address: string): readonly string[] {
  const inGroups = address.replace(/\d+\.\d+\.\d+\.\d+$/, (dotted) => {
    const [a = 0, b = 0, c = 0, d = 0] = dotted.split('.').map(Number)
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
  })
  const [head = '', tail] = inGroups.split('::')
  const [before, after] = [head, tail ?? ''].map((part) => (part === '' ? [] : part.split(':')))
  const missing = GROUPS - (before?.length ?? 0) - (after?.length ?? 0)
  return [...(before ?? []), ...Array.from({ length: tail === undefined ? 0 : missing }, () => '0'), ...(after ?? [])].map((group) =>
    Number.parseInt(group, 16).toString(16),
  )
}
