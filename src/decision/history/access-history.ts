/** Who could what at some time, what ends soon, what nobody uses: guarded, and answered by the rule that answers now. Changes nothing. Floor 5. */
import { requireOneScope, requireTenant } from '../../access/guard.ts'
import type { AccessHistory } from '../../model/access-history.ts'
import type { Caller } from '../../model/caller.ts'
import type { CompiledPolicy, PolicySource } from '../../model/compiled-policy.ts'
import type { HoldersQuestion, PermissionHolder } from '../../model/decision.ts'
import { NotFoundError, RequestError, StoreError } from '../../model/error-code.ts'
import { EXPIRING_WITHIN_MS_MAX, HISTORY_ATTEMPTS_MAX, HISTORY_POLICIES_KEPT_MAX } from '../../model/observation-limits.ts'
import { CompiledPolicies } from '../../policy/compiled-policies.ts'
import type { DecisionLogTable, HoldersThen, PolicyThen } from '../../store/history-ports.ts'
import { decodePageToken, encodePageToken } from '../../store/page.ts'
import type { Store } from '../../store/ports.ts'
import { unknownPermission } from '../decision-point.ts'
import { heldPermissions, holding } from '../list.ts'
import { reportRoleUse } from './role-use.ts'

export interface AccessHistoryNeeds {
  readonly store: Pick<Store, 'history'> & { readonly records: Pick<Store['records'], 'findRevision'> }
  /** `revision`: in force here; absent: none is. */
  readonly policy: PolicySource & { readonly revision: string | undefined }
  /** Activations that wait will be carried out; elsewhere the policy folder rules. */
  readonly schedule: boolean
  /** Absent: no sink of this service writes decisions into the database. */
  readonly decisionTable: DecisionLogTable | undefined
}

/** Who asks about other times. */
export const HISTORY_READERS = ['audit', 'administer'] as const

export function openAccessHistory(needs: AccessHistoryNeeds): AccessHistory {
  const { history, records } = needs.store
  const compiled = new CompiledPolicies({ findRevision: (revision) => records.findRevision(revision) }, HISTORY_POLICIES_KEPT_MAX)
  const policyOf = async ({ policyRevision }: PolicyThen, atMs: number): Promise<CompiledPolicy> => {
    if (policyRevision === undefined)
      throw new NotFoundError(
        `No policy was in force at ${new Date(atMs).toISOString()}: nothing was allowed to anybody.`,
        'Ask for a time after the first activation: `castellan policy history` lists them.',
      )
    return policyRevision === needs.policy.revision ? needs.policy.current() : await compiled.get(policyRevision)
  }
  const askedFor = (atMs: number) => ({ atMs, schedule: needs.schedule })

  return {
    async listPermissionsAt(caller, user, tenant, atMs) {
      requireReader(caller, tenant)
      const state = await history.resolve(tenant, user, askedFor(atMs))
      const policy = await policyOf(state, atMs)
      return { ...heldPermissions(policy, user, tenant, state), policyRevision: policy.revision, position: state.position }
    },

    async listUsersAt(caller, question, atMs) {
      requireReader(caller, question.tenant)
      const after = decodePageToken(question.pageToken)
      let then = await history.findPolicyRevision(askedFor(atMs))
      for (let attempt = 1; attempt <= HISTORY_ATTEMPTS_MAX; attempt++) {
        const policy = await policyOf(then, atMs)
        const entry = policy.findPermission(question.permission)
        if (entry === undefined) throw unknownPermission(policy, question.permission)
        const roles = policy.rolesGranting(entry.name)
        const page = await history.listHolders(question.tenant, roles, after, question.pageSize, askedFor(atMs))
        if (page.policyRevision === policy.revision)
          return {
            users: holdersOf(policy, entry, question, page),
            ...(page.next === undefined ? {} : { nextPageToken: encodePageToken(page.next) }),
            policyRevision: policy.revision,
            position: page.position,
          }
        // Activated, or called off, between the two statements.
        then = page
      }
      throw new StoreError('The policy changes faster than holders can be listed')
    },

    async listExpiring(caller, { tenant, withinMs }, page) {
      requireOneScope(caller, HISTORY_READERS)
      if (tenant !== undefined) requireTenant(caller, tenant)
      if (!(withinMs > 0 && withinMs <= EXPIRING_WITHIN_MS_MAX))
        throw new RequestError([
          { field: 'withinSeconds', message: `must be a whole number from 1 to ${EXPIRING_WITHIN_MS_MAX / 1_000}, which is a year` },
        ])
      return await history.listExpiring(tenant === undefined ? caller.tenants : [tenant], withinMs, page)
    },

    reportRoleUse: (caller, question) => reportRoleUse({ policy: needs.policy, table: needs.decisionTable }, caller, question),
  }
}

function requireReader(caller: Caller, tenant: string): void {
  requireOneScope(caller, HISTORY_READERS)
  requireTenant(caller, tenant)
}

function holdersOf(
  policy: CompiledPolicy,
  entry: NonNullable<ReturnType<CompiledPolicy['findPermission']>>,
  { tenant }: HoldersQuestion,
  page: HoldersThen,
): readonly PermissionHolder[] {
  const attributes = page.tenant?.attributes ?? {}
  return page.holders.flatMap(({ user, attributes: ofUser, roles }) => {
    const context = { user: { id: user, attributes: ofUser }, tenant: { id: tenant, attributes }, resource: undefined }
    const held = holding(policy.roleSet(roles), entry, context)
    return held === undefined ? [] : [{ user, ...held }]
  })
}
