/** The rows of the simulated database, and what a change makes of them. Pure. */
import type { AccessState, Assignment } from '../../../src/model/access-state.ts'
import type { FeedChange } from '../../../src/store/ports.ts'

export interface Row extends Assignment {
  readonly tenant: string
  readonly user: string
}

/** Every tenant and user of the world is registered: who is not named here is active. */
export interface Rows {
  readonly suspended: readonly string[]
  readonly deactivated: readonly string[]
  readonly assignments: readonly Row[]
  readonly policy: { readonly revision: string; readonly position: number }
}

export type Change =
  | {
      readonly kind: 'grant'
      readonly tenant: string
      readonly user: string
      readonly role: string
      readonly startsInMs: number
      readonly lastsMs: number | null
    }
  | { readonly kind: 'revoke'; readonly tenant: string; readonly user: string }
  | { readonly kind: 'suspend' | 'resume'; readonly tenant: string }
  | { readonly kind: 'deactivate' | 'reactivate'; readonly user: string }
  | { readonly kind: 'publish' | 'activate'; readonly revision: string }

export interface Changed {
  readonly rows: Rows
  readonly feed: FeedChange
}

/** @returns `undefined`: it is so already. @param position what the change would get, @param nowMs the database's time */
export function apply(rows: Rows, change: Change, position: number, nowMs: number): Changed | undefined {
  switch (change.kind) {
    case 'grant':
      return grant(rows, change, position, nowMs)
    case 'revoke': {
      const { tenant, user } = change
      const assignments = rows.assignments.filter((row) => row.tenant !== tenant || row.user !== user)
      if (assignments.length === rows.assignments.length) return undefined
      return { rows: { ...rows, assignments }, feed: { kind: 'assignment', tenant, user } }
    }
    case 'suspend':
    case 'resume': {
      const suspended = toggled(rows.suspended, change.tenant, change.kind === 'suspend')
      return suspended && { rows: { ...rows, suspended }, feed: { kind: 'tenant', tenant: change.tenant } }
    }
    case 'deactivate':
    case 'reactivate': {
      const deactivated = toggled(rows.deactivated, change.user, change.kind === 'deactivate')
      return deactivated && { rows: { ...rows, deactivated }, feed: { kind: 'user', user: change.user } }
    }
    case 'publish':
      return { rows, feed: { kind: 'revision', revision: change.revision } }
    case 'activate': {
      const { revision } = change
      if (rows.policy.revision === revision) return undefined
      return { rows: { ...rows, policy: { revision, position } }, feed: { kind: 'policy', revision } }
    }
  }
}

function grant(rows: Rows, change: Change & { kind: 'grant' }, position: number, nowMs: number): Changed | undefined {
  const { tenant, user, role, startsInMs, lastsMs } = change
  const validFromMs = nowMs + startsInMs
  const expiresAtMs = lastsMs === null ? null : validFromMs + lastsMs
  const equal = (row: Row) => row.tenant === tenant && row.user === user && row.role === role && row.expiresAtMs === expiresAtMs
  if (expiresAtMs === null && rows.assignments.some((row) => equal(row) && row.validFromMs <= nowMs)) return undefined
  const row: Row = { id: `grant-${String(position).padStart(4, '0')}`, tenant, user, role, validFromMs, expiresAtMs }
  return { rows: { ...rows, assignments: [...rows.assignments, row] }, feed: { kind: 'assignment', tenant, user } }
}

function toggled(list: readonly string[], id: string, wanted: boolean): readonly string[] | undefined {
  if (list.includes(id) === wanted) return undefined
  return wanted ? [...list, id] : list.filter((other) => other !== id)
}

/** What the statement of a check reads of these rows. */
export function stateOf(rows: Rows, position: number, tenant: string, user: string, readAtMs: number): AccessState {
  return {
    position,
    policyPosition: rows.policy.position,
    readAtMs,
    tenant: { suspended: rows.suspended.includes(tenant), attributes: {} },
    user: { deactivated: rows.deactivated.includes(user), attributes: {}, epoch: 0 },
    assignments: rows.assignments
      .filter((row) => row.tenant === tenant && row.user === user)
      .map(({ id, role, validFromMs, expiresAtMs }) => ({ id, role, validFromMs, expiresAtMs })),
  }
}
