/** The order of all changes as the audit has it, once a run is over: what really happened, answered or not. */
import type { ControlDatabase } from './control-database.ts'
import type { Change, Effect, Roles } from './history.ts'
import { rolesOf } from './judge.ts'
import type { Recorder } from './recorder.ts'

interface AuditRow {
  readonly position: string
  readonly action: string
  readonly tenant_id: string | null
  readonly user_id: string | null
  readonly target: string | null
  readonly reason: string | null
  readonly before: unknown
  readonly after: unknown
}

export interface Order {
  readonly changes: readonly Change[]
  readonly policies: ReadonlyMap<string, Roles>
  /** Acknowledged changes that the audit does not have at their position. */
  readonly lost: readonly string[]
}

/** @param writtenAt when the files of a revision were written, by its canonical text */
export async function readOrder(database: ControlDatabase, recorder: Recorder, writtenAt: (canonical: string) => number): Promise<Order> {
  const rows = await database.query<AuditRow>(
    `select position::text, action, tenant_id, user_id, target, reason, before, after from audit_event where result = 'applied' order by position, id`,
  )
  const revisions = await database.query<{ revision: string; content: string }>('select revision, content from policy_revision')
  const writtenOf = new Map(revisions.map(({ revision, content }) => [revision, writtenAt(content)]))
  const byPosition = new Map<number, Change>()
  const labels = new Map<string, number>()
  for (const row of rows) {
    const position = Number(row.position)
    const startedAt = row.action === 'policy.activate' ? writtenOf.get(row.target ?? '') : recorder.firstSent.get(row.reason ?? '')
    const { effects } = byPosition.get(position) ?? { effects: [] }
    byPosition.set(position, { position, startedAt: startedAt ?? Number.NEGATIVE_INFINITY, effects: [...effects, ...effectsOf(row)] })
    labels.set(`${row.reason} ${position}`, position)
  }
  const lost = recorder.told.flatMap(({ label, outcome }) =>
    outcome.kind === 'made' && outcome.changed && !labels.has(`${label} ${outcome.position}`) ? [`${label} at ${outcome.position}`] : [],
  )
  return {
    changes: [...byPosition.values()].sort((a, b) => a.position - b.position),
    policies: new Map(revisions.map(({ revision, content }) => [revision, rolesOf(content)])),
    lost,
  }
}

function effectsOf(row: AuditRow): readonly Effect[] {
  const [tenant, user, target] = [row.tenant_id ?? '', row.user_id ?? '', row.target ?? '']
  switch (row.action) {
    case 'assignment.grant': {
      const { id, role, validFromMs, expiresAtMs } = row.after as GrantRow
      return [{ kind: 'grant', tenant, user, id, role, validFromMs, expiresAtMs }]
    }
    case 'assignment.revoke':
      return (Array.isArray(row.before) ? (row.before as GrantRow[]) : [row.before as GrantRow]).map(({ id }) => ({
        kind: 'revoke',
        tenant,
        user,
        id,
      }))
    case 'user.put':
      return [{ kind: 'account', user, deactivated: false, ...epochOf(row) }]
    case 'user.deactivate':
    case 'user.reactivate':
      return [{ kind: 'account', user, deactivated: row.action === 'user.deactivate', ...epochOf(row) }]
    case 'tenant.put':
      return [{ kind: 'tenant', tenant, suspended: false }]
    case 'tenant.suspend':
    case 'tenant.resume':
      return [{ kind: 'tenant', tenant, suspended: row.action === 'tenant.suspend' }]
    case 'policy.activate':
      return [{ kind: 'policy', revision: target }]
    case 'caller.create':
    case 'caller.revoke':
      return [{ kind: 'key', caller: target, valid: row.action === 'caller.create' }]
    case 'session.end':
      return [{ kind: 'session-end', session: target }]
    case 'key.create':
    case 'key.retire':
      return [{ kind: 'signing-key', kid: target, published: row.action === 'key.create' }]
    case 'key.activate':
      // What it signs was believed before.
      return []
    default:
      throw new Error(`What does ${row.action} change?`)
  }
}

function epochOf({ after }: AuditRow): { readonly epoch: number } {
  return { epoch: (after as { readonly epoch: number }).epoch }
}

interface GrantRow {
  readonly id: string
  readonly role: string
  readonly validFromMs: number
  readonly expiresAtMs: number | null
}
