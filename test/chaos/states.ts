/** What was true of [tenant, user] from which position on, and the rule of deciding as plainly as it can be written. Judges nothing. */
import type { Change, Effect, Roles } from './history.ts'

export interface Grant {
  readonly id: string
  readonly role: string
  readonly validFromMs: number
  readonly expiresAtMs: number | null
}

/** True from `position` until just before the next state's. */
export interface State {
  readonly position: number
  /** It cannot have been so before this monotonic time. */
  readonly startedAt: number
  readonly tenantKnown: boolean
  readonly suspended: boolean
  readonly userKnown: boolean
  readonly deactivated: boolean
  readonly epoch: number
  readonly grants: readonly Grant[]
}

const NOTHING: State = {
  position: 0,
  startedAt: Number.NEGATIVE_INFINITY,
  tenantKnown: false,
  suspended: false,
  userKnown: false,
  deactivated: false,
  epoch: 0,
  grants: [],
}

/** States of pairs, made when they are first asked for. */
export class States {
  readonly #byTenant = new Map<string, Change[]>()
  readonly #byUser = new Map<string, Change[]>()
  readonly #made = new Map<string, readonly State[]>()

  /** @param changes by position */
  constructor(changes: readonly Change[]) {
    for (const change of changes)
      for (const effect of change.effects) {
        if ('tenant' in effect) noteOnce(this.#byTenant, effect.tenant, change)
        if ('user' in effect) noteOnce(this.#byUser, effect.user, change)
      }
  }

  /** By position; the first one is from before all changes. */
  of(tenant: string, user: string): readonly State[] {
    const key = `${tenant.length}:${tenant}${user}`
    const made = this.#made.get(key) ?? this.#make(tenant, user)
    this.#made.set(key, made)
    return made
  }

  #make(tenant: string, user: string): readonly State[] {
    const touching = new Set([...(this.#byTenant.get(tenant) ?? []), ...(this.#byUser.get(user) ?? [])])
    const states = [NOTHING]
    let state = NOTHING
    for (const change of [...touching].sort((a, b) => a.position - b.position)) {
      let next = state
      for (const effect of change.effects) next = applied(next, effect, tenant, user)
      if (next === state) continue
      state = { ...next, position: change.position, startedAt: change.startedAt }
      states.push(state)
    }
    return states
  }
}

function noteOnce(lists: Map<string, Change[]>, key: string, change: Change): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [change])
  else if (list.at(-1) !== change) list.push(change)
}

function applied(state: State, effect: Effect, tenant: string, user: string): State {
  if (effect.kind === 'tenant' && effect.tenant === tenant) return { ...state, tenantKnown: true, suspended: effect.suspended }
  if (effect.kind === 'account' && effect.user === user)
    return { ...state, userKnown: true, deactivated: effect.deactivated, epoch: effect.epoch ?? state.epoch }
  if (effect.kind === 'grant') {
    // A grant makes the subjects that it names first, also for other pairs of them.
    const known = {
      ...state,
      tenantKnown: state.tenantKnown || effect.tenant === tenant,
      userKnown: state.userKnown || effect.user === user,
    }
    if (effect.tenant !== tenant || effect.user !== user)
      return known.tenantKnown === state.tenantKnown && known.userKnown === state.userKnown ? state : known
    const { id, role, validFromMs, expiresAtMs } = effect
    return { ...known, grants: [...state.grants, { id, role, validFromMs, expiresAtMs }] }
  }
  if (effect.kind === 'revoke' && effect.tenant === tenant && effect.user === user)
    return { ...state, grants: state.grants.filter((grant) => grant.id !== effect.id) }
  return state
}

/** The last one at or before `position`; its index. */
export function indexAt(states: readonly { readonly position: number }[], position: number): number {
  let [low, high] = [0, states.length - 1]
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if ((states[middle]?.position ?? 0) <= position) low = middle
    else high = middle - 1
  }
  return low
}

/** For a permission in the catalogue. */
export interface Asked {
  readonly permission: string
  /** An access token was presented whose session is over, or of another epoch. */
  readonly revoked: boolean
}

/** `allow ROLE`, `deny NO_ASSIGNMENT`, …: what is to be answered in this state, at this time of the database. */
export function verdict(state: State, roles: Roles, { permission, revoked }: Asked, atMs: number): string {
  if (!state.tenantKnown) return 'deny UNKNOWN_TENANT'
  if (state.suspended) return 'deny TENANT_SUSPENDED'
  if (!state.userKnown) return 'deny UNKNOWN_USER'
  if (state.deactivated) return 'deny ACCOUNT_DEACTIVATED'
  if (revoked) return 'deny TOKEN_REVOKED'
  const begun = state.grants.filter((grant) => grant.validFromMs <= atMs)
  const inForce = begun.filter((grant) => grant.expiresAtMs === null || atMs < grant.expiresAtMs)
  const grants = (grant: Grant) => roles.get(grant.role)?.has(permission) === true
  const allowing = inForce.filter(grants)
  if (allowing.length > 0) return allowing.some((grant) => grant.expiresAtMs === null) ? 'allow ROLE' : 'allow TEMPORARY_GRANT'
  if (state.grants.some((grant) => grant.validFromMs > atMs && grants(grant))) return 'deny NOT_YET_VALID'
  if (begun.some((grant) => !inForce.includes(grant) && grants(grant))) return 'deny ASSIGNMENT_EXPIRED'
  return inForce.length === 0 ? 'deny NO_ASSIGNMENT' : 'deny ROLE_LACKS_PERMISSION'
}

/** Whether some moment from `fromMs` to `untilMs` has this verdict: windows may begin and end meanwhile. */
export function hasVerdict(state: State, roles: Roles, asked: Asked, wanted: string, fromMs: number, untilMs: number): boolean {
  if (verdict(state, roles, asked, fromMs) === wanted) return true
  for (const { validFromMs, expiresAtMs } of state.grants)
    for (const edgeMs of [validFromMs, expiresAtMs])
      if (edgeMs !== null && edgeMs > fromMs && edgeMs <= untilMs && verdict(state, roles, asked, edgeMs) === wanted) return true
  return false
}
