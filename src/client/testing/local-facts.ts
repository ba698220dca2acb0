/** Who holds what, in memory, changed by the rules of the service's administration: what `createLocal` decides from. Decides nothing. Floor 6. */
import { requireAllowedByPolicy, requireWindow, unknownRole } from '../../access/grant-rules.ts'
import { type AccessState, type Assignment, inForce } from '../../model/access-state.ts'
import type { CompiledPolicy } from '../../model/compiled-policy.ts'
import type { Attributes } from '../../model/condition.ts'
import type { TokenStanding } from '../../model/decision.ts'
import { RequestError } from '../../model/error-code.ts'
import { EXPIRED_ASSIGNMENTS_READ_MAX } from '../../model/limits.ts'
import { LOCAL_FACTS_MAX } from '../limits.ts'
import { instantMs, type Moment, parseAttributes, parseState, requireFields, requireIds } from './parse-facts.ts'

export interface Grant {
  readonly user: string
  readonly tenant: string
  readonly role: string
  /** Absent: since ever, so that a test may set its clock to any time. */
  readonly from?: Moment
  /** Until just before this moment; absent: without end. */
  readonly until?: Moment
}
export interface UserFacts {
  readonly user: string
  /** Absent: as they were. */
  readonly attributes?: Attributes
  readonly deactivated?: boolean
}
export interface TenantFacts {
  readonly tenant: string
  /** Absent: as they were. */
  readonly attributes?: Attributes
  readonly suspended?: boolean
}

interface User {
  readonly attributes: Attributes
  readonly deactivated: boolean
  readonly epoch: number
}
interface Login {
  readonly user: string
  readonly tenant: string | undefined
  readonly epoch: number
  readonly live: boolean
}

/** Every change answers its position in the order of all changes, and throws an AppError of the service's when it is refused. */
export class LocalFacts {
  readonly #policy: CompiledPolicy
  readonly #nowMs: () => number
  readonly #users = new Map<string, User>()
  readonly #tenants = new Map<string, { readonly suspended: boolean; readonly attributes: Attributes }>()
  /** By tenant and user. */
  readonly #held = new Map<string, readonly Assignment[]>()
  readonly #logins = new Map<string, Login>()
  #position = 0
  #made = 0

  constructor(policy: CompiledPolicy, nowMs: () => number) {
    this.#policy = policy
    this.#nowMs = nowMs
  }

  get position(): number {
    return this.#position
  }

  putUser(facts: UserFacts): number {
    const { user, attributes: given, deactivated } = requireFields('user', facts, ['user', 'attributes', 'deactivated'])
    requireIds({ user })
    const attributes = parseAttributes(given)
    const before = this.#users.get(user) ?? { attributes: {}, deactivated: false, epoch: 0 }
    const next = parseState('deactivated', deactivated) ?? before.deactivated
    // As in the service: neither way revives what was issued before.
    const epoch = next === before.deactivated ? before.epoch : before.epoch + 1
    this.#keep(this.#users, user, { attributes: attributes ?? before.attributes, deactivated: next, epoch })
    return ++this.#position
  }

  putTenant(facts: TenantFacts): number {
    const { tenant, attributes: given, suspended: state } = requireFields('tenant', facts, ['tenant', 'attributes', 'suspended'])
    requireIds({ tenant })
    const [attributes, suspended] = [parseAttributes(given), parseState('suspended', state)]
    const before = this.#tenants.get(tenant) ?? { attributes: {}, suspended: false }
    this.#keep(this.#tenants, tenant, { attributes: attributes ?? before.attributes, suspended: suspended ?? before.suspended })
    return ++this.#position
  }

  /** A user or a tenant that it names first comes into being; the same grant again changes nothing. */
  grant(grant: Grant): number {
    const { user, tenant, role, from, until } = requireFields('grant', grant, ['user', 'tenant', 'role', 'from', 'until'])
    requireIds({ user, tenant, role })
    const nowMs = this.#nowMs()
    const given = from === undefined ? undefined : instantMs('from', from)
    const expiresAtMs = until === undefined ? null : instantMs('until', until)
    const held = this.#held.get(pairOf(tenant, user)) ?? []
    const live = held.filter((one) => one.expiresAtMs === null || one.expiresAtMs > nowMs)
    const wanted = { role, validFromMs: given ?? nowMs, expiresAtMs }
    const same = (one: Assignment) =>
      one.role === role && one.expiresAtMs === expiresAtMs && (given === undefined ? one.validFromMs <= nowMs : one.validFromMs === given)
    if (live.some(same)) return this.#position
    requireWindow(wanted, nowMs)
    requireAllowedByPolicy(this.#policy, tenant, live, wanted, nowMs)
    if (!this.#tenants.has(tenant)) this.putTenant({ tenant })
    if (!this.#users.has(user)) this.putUser({ user })
    const made = { id: String(++this.#made).padStart(9, '0'), ...wanted, validFromMs: given ?? Number.NEGATIVE_INFINITY }
    this.#keep(this.#held, pairOf(tenant, user), [...held, made])
    return ++this.#position
  }

  /** Takes back every grant of the role that is in force or to come; none is fine, a role that the policy does not have is not. */
  revoke(grant: Pick<Grant, 'user' | 'tenant' | 'role'>): number {
    const { user, tenant, role } = requireFields('grant', grant, ['user', 'tenant', 'role'])
    requireIds({ user, tenant, role })
    const nowMs = this.#nowMs()
    const held = this.#held.get(pairOf(tenant, user)) ?? []
    const kept = held.filter((one) => one.role !== role || (one.expiresAtMs !== null && one.expiresAtMs <= nowMs))
    if (kept.length === held.length) {
      if (this.#policy.findRole(role) === undefined) throw unknownRole(this.#policy, role)
      return this.#position
    }
    this.#held.set(pairOf(tenant, user), kept)
    return ++this.#position
  }

  /** @returns an access token that is good here and nowhere else */
  logIn(subject: { readonly user: string; readonly tenant?: string }): string {
    const { user, tenant } = requireFields('subject', subject, ['user', 'tenant'])
    requireIds({ user, ...(tenant === undefined ? {} : { tenant }) })
    const token = `local-token-${++this.#made}`
    this.#keep(this.#logins, token, { user, tenant, epoch: this.#users.get(user)?.epoch ?? 0, live: true })
    return token
  }

  logOut(token: string): void {
    const login = this.#logins.get(token)
    if (login !== undefined) this.#logins.set(token, { ...login, live: false })
  }

  /** Absent: a token that proves nobody. */
  findLogin(token: string): (Pick<Login, 'user' | 'tenant'> & { readonly standing: TokenStanding }) | undefined {
    const login = this.#logins.get(token)
    if (login === undefined) return undefined
    return { user: login.user, tenant: login.tenant, standing: { epoch: login.epoch, sessionLive: login.live } }
  }

  /** As one statement of the service would read it now. */
  stateOf({ user, tenant }: { readonly user: string; readonly tenant: string }): AccessState {
    const readAtMs = this.#nowMs()
    const held = this.#held.get(pairOf(tenant, user)) ?? []
    const isOver = ({ expiresAtMs }: Assignment) => expiresAtMs !== null && expiresAtMs <= readAtMs
    const over = held.filter(isOver).sort((a, b) => (b.expiresAtMs ?? 0) - (a.expiresAtMs ?? 0))
    return {
      position: this.#position,
      policyPosition: 0,
      readAtMs,
      tenant: this.#tenants.get(tenant),
      user: this.#users.get(user),
      assignments: [...held.filter((one) => !isOver(one)), ...over.slice(0, EXPIRED_ASSIGNMENTS_READ_MAX)],
    }
  }

  /** Roles in force now, for whoever wonders why. */
  rolesOf(subject: { readonly user: string; readonly tenant: string }): readonly string[] {
    const state = this.stateOf(subject)
    return [...new Set(state.assignments.filter((one) => inForce(one, state.readAtMs)).map(({ role }) => role))].sort()
  }

  #keep<Value>(into: Map<string, Value>, key: string, value: Value): void {
    if (!into.has(key) && into.size >= LOCAL_FACTS_MAX)
      throw new RequestError([{ field: 'facts', message: `are at most ${LOCAL_FACTS_MAX} of a kind: more is no test but a load` }])
    into.set(key, value)
  }
}

function pairOf(tenant: string, user: string): string {
  return JSON.stringify([tenant, user])
}
