/** What a plan must say, found by looking at every user, tenant, permission and instant in both worlds, as plainly as we can. */
import type { Condition, Constraint, PolicyBundle } from '../../../src/model/policy.ts'
import type { EffectKind } from '../../../src/model/policy-plan.ts'
import { failure } from '../../decision/naive-condition.ts'
import { type Held, HOUR_MS, type PlanWorld } from './worlds.ts'

export interface NaiveEffect {
  readonly user: string
  readonly tenant: string
  readonly dormant: boolean
  readonly permission: string
  readonly kind: EffectKind
  readonly conditional: boolean
  /** Hours from now; 0: at once. */
  readonly from: number
  /** By whose grants. */
  readonly roles: readonly string[]
}
export interface NaiveBreach {
  readonly user: string
  readonly tenant: string
  readonly constraint: string
  readonly from: number
}
type Row = PlanWorld['users'][number]
type Holding = { readonly conditions: readonly string[] | 'none'; readonly roles: readonly string[] } | undefined

const isLive = (row: Held): boolean => row.until === null || row.until > 0
const inForceAt = (row: Held, hour: number): boolean => row.from <= hour && (row.until === null || row.until > hour)
const ofPair = (world: PlanWorld, user: string, tenant: string): readonly Held[] =>
  world.held.filter((row) => row.user === user && row.tenant === tenant && isLive(row))
const hoursOf = (rows: readonly Held[]): readonly number[] =>
  [...new Set([0, ...rows.flatMap((row) => [row.from, row.until ?? 0])])].filter((hour) => hour >= 0).sort((a, b) => a - b)

export function naiveEffects(world: PlanWorld): readonly NaiveEffect[] {
  const names = [...new Set([...world.before.permissions, ...world.after.permissions].map((entry) => entry.name))].sort()
  const found: NaiveEffect[] = []
  for (const user of world.users)
    for (const tenant of world.tenants) {
      const rows = ofPair(world, user.id, tenant.id)
      for (const permission of names) {
        const seen = new Set<EffectKind>()
        for (const from of hoursOf(rows)) {
          const roles = rows.filter((row) => inForceAt(row, from)).map((row) => row.role)
          const was = holding(world.before, roles, permission, user, tenant)
          const is = holding(world.after, roles, permission, user, tenant)
          const kind = kindOf(was, is)
          if (kind === undefined || seen.has(kind)) continue
          seen.add(kind)
          const by =
            kind === 'changed' ? [...(was?.roles ?? []), ...(is?.roles ?? [])] : (kind === 'lost' || kind === 'narrowed' ? was : is)?.roles
          const conditional = kind === 'widened' ? false : (is ?? was)?.conditions !== 'none'
          found.push({
            user: user.id,
            tenant: tenant.id,
            dormant: user.closed || tenant.closed,
            permission,
            kind,
            conditional,
            from,
            roles: [...new Set(by)],
          })
        }
      }
    }
  return found
}

function holding(bundle: PolicyBundle, roles: readonly string[], permission: string, user: Row, tenant: Row): Holding {
  const entry = bundle.permissions.find(({ name }) => name === permission)
  if (entry === undefined || entry.stage === 'disabled') return undefined
  const ways = bundle.roles
    .filter((role) => roles.includes(role.name))
    .flatMap((role) =>
      role.grants.filter((grant) => grant.permission === permission).map((grant) => ({ role: role.name, when: grant.when })),
    )
  const open = ways.filter((way) => way.when === undefined)
  if (open.length > 0) return { conditions: 'none', roles: open.map((way) => way.role) }
  const possible = ways.filter((way) => failure(way.when, undefined, { user, tenant }) !== 'VARIABLE_UNSET')
  if (possible.length === 0) return undefined
  return {
    conditions: [...new Set(possible.map((way) => plainText(way.when as Condition)))].sort(),
    roles: possible.map((way) => way.role),
  }
}

function plainText(when: Condition): string {
  return Object.entries(when)
    .map(([name, test]) => `${name}:${JSON.stringify(Object.entries(test).sort(([a], [b]) => (a < b ? -1 : 1)))}`)
    .sort()
    .join()
}

function kindOf(was: Holding, is: Holding): EffectKind | undefined {
  if (was === undefined) return is === undefined ? undefined : 'gained'
  if (is === undefined) return 'lost'
  if (was.conditions === 'none') return is.conditions === 'none' ? undefined : 'narrowed'
  if (is.conditions === 'none') return 'widened'
  return was.conditions.join('|') === is.conditions.join('|') ? undefined : 'changed'
}

export function naiveBreaches(world: PlanWorld): readonly NaiveBreach[] {
  const found: NaiveBreach[] = []
  for (const user of world.users)
    for (const tenant of world.tenants) {
      const rows = ofPair(world, user.id, tenant.id)
      for (const rule of world.after.constraints) {
        const alike = world.before.constraints.filter(
          (one) => one.max <= rule.max && subjectOf(world.before, one) === subjectOf(world.after, rule),
        )
        const from = hoursOf(rows).find((hour) => {
          const roles = rows.filter((row) => inForceAt(row, hour)).map((row) => row.role)
          return breaks(world.after, rule, roles, tenant.id) && !alike.some((one) => breaks(world.before, one, roles, tenant.id))
        })
        if (from !== undefined) found.push({ user: user.id, tenant: tenant.id, constraint: rule.id, from })
      }
      const starts = rows.filter((row) => isTooLong(world.after, row) && !isTooLong(world.before, row)).map((row) => Math.max(0, row.from))
      if (starts.length > 0) found.push({ user: user.id, tenant: tenant.id, constraint: 'temporary-only', from: Math.min(...starts) })
    }
  return found
}

/** Codes stay in these worlds when names change. */
function subjectOf(bundle: PolicyBundle, rule: Constraint): string {
  if (rule.type === 'max-roles-per-tenant') return 'roles'
  return rule.permissions
    .map((name) => bundle.permissions.find((permission) => permission.name === name)?.code)
    .sort()
    .join()
}

function breaks(bundle: PolicyBundle, rule: Constraint, roles: readonly string[], tenant: string): boolean {
  const fits = (pattern: string): boolean => new RegExp(`^${pattern.replaceAll('*', '[^]*')}$`).test(tenant)
  if (rule.tenants !== undefined && !rule.tenants.some(fits)) return false
  if (rule.type === 'max-roles-per-tenant') return new Set(roles).size > rule.max
  const granted = bundle.roles.filter((role) => roles.includes(role.name)).flatMap((role) => role.grants.map((grant) => grant.permission))
  return rule.permissions.filter((permission) => granted.includes(permission)).length > rule.max
}

function isTooLong(bundle: PolicyBundle, row: Held): boolean {
  const role = bundle.roles.find(({ name }) => name === row.role)
  if (role?.assignable !== 'temporary') return false
  return row.until === null || (role.maxGrantMs !== undefined && (row.until - row.from) * HOUR_MS > role.maxGrantMs)
}
