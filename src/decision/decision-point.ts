/** The PDP: loads what a question needs, applies the rule, stamps the answer. Knows no wire and no caller. Floor 5. */
import { abortable, throwIfAborted } from '../access/abortable.ts'
import type { Found } from '../access/fresh-reader.ts'
import { elapsedMs, momentOf } from '../access/moment.ts'
import type { RefusedToken } from '../access/presented-token.ts'
import type { Resolved } from '../access/resolve.ts'
import type { Clock } from '../ground/clock.ts'
import type { Random } from '../ground/random.ts'
import { Uuids } from '../ground/uuids.ts'
import type { AccessState } from '../model/access-state.ts'
import type { CompiledPolicy, PolicySource } from '../model/compiled-policy.ts'
import type {
  ByToken,
  CheckQuestion,
  Decision,
  DecisionBasis,
  DecisionPoint,
  DenyReason,
  Explanation,
  HolderList,
  HoldersQuestion,
  PermissionHolder,
  PermissionsAnswer,
  PermissionsQuestion,
  TokenStanding,
  Verdict,
} from '../model/decision.ts'
import { NotFoundError, StoreError } from '../model/error-code.ts'
import { BATCH_SUGGESTIONS_MAX, FRESHNESS_BOUND_MS, RESOLVE_ATTEMPTS_MAX } from '../model/limits.ts'
import type { PermissionEntry } from '../model/policy.ts'
import { decodePageToken, encodePageToken } from '../store/page.ts'
import type { AccessReader, Holders } from '../store/ports.ts'
import { closedReason, contextOf, decide, decideEach, denyToken } from './decide.ts'
import { explain } from './explain.ts'
import { heldPermissions, holding } from './list.ts'
import { recallBatch } from './recall-batch.ts'
import { asError, resolveBatch } from './resolve-batch.ts'
import { type Proved, resolveToken, type TokenNeeds } from './resolve-token.ts'
import { Standings } from './standing.ts'
import { always, atMost, type Suggest, suggested } from './suggest.ts'

export interface DecisionNeeds extends TokenNeeds {
  readonly access: Pick<AccessReader, 'listHolders'>
  readonly policy: PolicySource
  readonly clock: Clock
  readonly random: Random
}

export function openDecisionPoint(needs: DecisionNeeds): DecisionPoint {
  const { resolver } = needs
  const standings = new Standings()
  const ids = new Uuids(needs.random)
  const stamp = (
    policy: CompiledPolicy,
    found: Found<AccessState>,
    question: CheckQuestion,
    suggest: Suggest,
    token?: TokenStanding,
  ): Decision => {
    const verdict = suggested(policy, question, decide(policy, question, found.value, token, standings.of(policy, found.value)), suggest)
    return stamped(verdict, ids.next(), found.position, basisOf(policy, found, question, [question.permission]))
  }
  const stampRefused = (policy: CompiledPolicy, { refusal, position }: RefusedToken, permission: string): Decision =>
    stamped(denyToken(refusal), ids.next(), position, { permissions: [permission], policy })
  const answerPermissions = (
    { user, tenant, permissions }: Pick<PermissionsQuestion, 'user' | 'tenant' | 'permissions'>,
    found: Resolved,
    token?: TokenStanding,
  ): PermissionsAnswer => {
    const { value: state, position, policy } = found
    const closed = closedReason(state, token)
    const allowed = decideEach(standings.of(policy, state), permissions, contextOf({ user, tenant }, state), closed)
    const basis = basisOf(policy, found, { user, tenant }, permissions)
    return answered(allowed, closed, ids.next(), position, basis)
  }

  const rule = (found: Resolved, question: CheckQuestion) => ({
    verdict: decide(found.policy, question, found.value, undefined, standings.of(found.policy, found.value)),
    basis: basisOf(found.policy, found, question, [question.permission]),
  })
  const stampVerdict = (verdict: Verdict, position: number, basis: DecisionBasis) => stamped(verdict, ids.next(), position, basis)
  const recallBatchOf = (questions: readonly CheckQuestion[]) => recallBatch({ resolver, rule, stamp: stampVerdict }, questions)

  return {
    recallCheck(question) {
      const found = resolver.recall(question.tenant, question.user, question.minPosition)
      if (found === undefined) return undefined
      const decision = stamp(found.policy, found, question, always)
      resolver.recalled(1)
      return decision
    },

    recallBatch: recallBatchOf,

    recallPermissions(question) {
      const found = resolver.recall(question.tenant, question.user, question.minPosition)
      if (found === undefined) return undefined
      const answer = answerPermissions(question, found)
      resolver.recalled(1)
      return answer
    },

    async check(question, signal) {
      throwIfAborted(signal)
      if ('accessToken' in question) {
        const proved = await resolveToken(needs, question, signal)
        if ('refusal' in proved) return stampRefused(needs.policy.current(), proved, question.permission)
        return stamp(proved.found.policy, proved.found, named(question, proved), always, proved.token)
      }
      const found = await resolver.resolve(question.tenant, question.user, question.minPosition, signal)
      return stamp(found.policy, found, question, always)
    },

    async checkBatch(questions, signal) {
      throwIfAborted(signal)
      const recalled = questions.every(isNamed) ? recallBatchOf(questions) : undefined
      if (recalled !== undefined) return recalled
      const batch = await resolveBatch(needs, questions, signal)
      const suggest = atMost(BATCH_SUGGESTIONS_MAX)
      return questions.map((question) => {
        const subject = batch.of(question)
        if (subject instanceof Error) return subject
        if ('refusal' in subject) return stampRefused(batch.policy, subject, question.permission)
        try {
          if ('token' in subject) return stamp(batch.policy, subject.found, named(question, subject), suggest, subject.token)
          return stamp(batch.policy, subject, question as CheckQuestion, suggest)
        } catch (fault) {
          return asError(fault)
        }
      })
    },

    async checkPermissions(question, signal) {
      throwIfAborted(signal)
      const { permissions } = question
      if (!('accessToken' in question))
        return answerPermissions(question, await resolver.resolve(question.tenant, question.user, question.minPosition, signal))
      const proved = await resolveToken(needs, question, signal)
      if ('refusal' in proved) {
        const basis = { permissions, policy: needs.policy.current() }
        return answered(
          permissions.map(() => denyToken(proved.refusal).allowed),
          proved.refusal,
          ids.next(),
          proved.position,
          basis,
        )
      }
      return answerPermissions({ user: proved.user, tenant: proved.tenant, permissions }, proved.found, proved.token)
    },

    async listPermissions(user, tenant, signal) {
      throwIfAborted(signal)
      const { value: state, position, policy } = await resolver.resolve(tenant, user, undefined, signal)
      return { ...heldPermissions(policy, user, tenant, state), policyRevision: policy.revision, position }
    },

    async listUsers(question, signal): Promise<HolderList> {
      const after = decodePageToken(question.pageToken)
      const { policy, entry, page } = await listHolders(needs, question, after, signal)
      const users: PermissionHolder[] = []
      for (const holder of page.holders) {
        const context = {
          user: { id: holder.user, attributes: holder.attributes },
          tenant: { id: question.tenant, attributes: page.tenant?.attributes ?? {} },
          resource: undefined,
        }
        const held = holding(policy.roleSet(holder.roles), entry, context)
        if (held !== undefined) users.push({ user: holder.user, ...held })
      }
      const last = page.holders.length < question.pageSize ? undefined : page.holders.at(-1)
      return {
        users,
        ...(last === undefined ? {} : { nextPageToken: encodePageToken(last.user) }),
        policyRevision: policy.revision,
        position: page.position,
      }
    },

    async explain(question, privileged, signal): Promise<Explanation> {
      throwIfAborted(signal)
      if ('accessToken' in question) {
        const proved = await resolveToken(needs, question, signal)
        if ('refusal' in proved) return { ...NOBODY, decision: stampRefused(needs.policy.current(), proved, question.permission) }
        const { found, token } = proved
        const asked = named(question, proved)
        return { decision: stamp(found.policy, found, asked, always, token), ...explain(found.policy, asked, found.value, privileged) }
      }
      const found = await resolver.resolve(question.tenant, question.user, question.minPosition, signal)
      return { decision: stamp(found.policy, found, question, always), ...explain(found.policy, question, found.value, privileged) }
    },
  }
}

/** Field by field: on the way of every check. */
function stamped(verdict: Verdict, decisionId: string, position: number, basis: DecisionBasis): Decision {
  const { allowed, reason, via } = verdict
  const decision = { allowed, reason, via, decisionId, policyRevision: basis.policy.revision, position, basis }
  const isPlain =
    verdict.validUntilMs === undefined &&
    verdict.expiredAtMs === undefined &&
    verdict.validFromMs === undefined &&
    verdict.hint === undefined
  return isPlain ? decision : { ...decision, ...verdict }
}

function answered(
  allowed: readonly boolean[],
  denied: DenyReason | undefined,
  decisionId: string,
  position: number,
  basis: DecisionBasis,
): PermissionsAnswer {
  const answer = { allowed, decisionId, policyRevision: basis.policy.revision, position, basis }
  return denied === undefined ? answer : { ...answer, denied }
}

function isNamed(question: CheckQuestion | ByToken<CheckQuestion>): question is CheckQuestion {
  return !('accessToken' in question)
}

function basisOf(
  policy: CompiledPolicy,
  found: Found<AccessState>,
  { user, tenant, resource }: Pick<CheckQuestion, 'user' | 'tenant' | 'resource'>,
  permissions: readonly string[],
): DecisionBasis {
  return resource === undefined ? { user, tenant, permissions, policy, found } : { user, tenant, permissions, resource, policy, found }
}

/** Of somebody whom a token does not prove nothing is told. */
const NOBODY = { tenantState: 'UNKNOWN', accountState: 'UNKNOWN', tried: [] } as const

/** The question with the names that the token stood for; the token itself goes no further. */
function named(question: Pick<CheckQuestion, 'permission' | 'resource'> | ByToken<CheckQuestion>, { user, tenant }: Proved): CheckQuestion {
  const { permission, resource } = question
  return { user, tenant, permission, ...(resource === undefined ? {} : { resource }) }
}

/** A page of those with a role that grants, under the policy that is in force when it was read. */
async function listHolders(
  needs: DecisionNeeds,
  question: HoldersQuestion,
  after: string | undefined,
  signal: AbortSignal,
): Promise<{ readonly policy: CompiledPolicy; readonly entry: PermissionEntry; readonly page: Holders }> {
  for (let attempt = 1; attempt <= RESOLVE_ATTEMPTS_MAX; attempt++) {
    throwIfAborted(signal)
    const asked = momentOf(needs.clock)
    const policy = needs.policy.current()
    const entry = policy.findPermission(question.permission)
    if (entry === undefined) throw unknownPermission(policy, question.permission)
    const page = await abortable(
      needs.access.listHolders(question.tenant, policy.rolesGranting(entry.name), after, question.pageSize),
      signal,
    )
    await needs.resolver.requirePolicy(page.policyPosition, signal)
    if (needs.policy.current() === policy && elapsedMs(needs.clock, asked) < FRESHNESS_BOUND_MS) return { policy, entry, page }
  }
  throw new StoreError('The database answers too slowly to say who holds what now')
}

export function unknownPermission(policy: CompiledPolicy, permission: string): NotFoundError {
  const near = policy.suggestPermission(permission)
  return new NotFoundError('The permission is in no catalogue.', near === undefined ? undefined : `Did you mean "${near}"?`)
}
