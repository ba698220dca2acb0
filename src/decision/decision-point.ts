/** The PDP: loads what a question needs, applies the rule, stamps the answer. Knows no wire and no caller. Floor 5. */
import { abortable, throwIfAborted } from '../access/abortable.ts'
import type { Found } from '../access/fresh-reader.ts'
import { elapsedMs, momentOf } from '../access/moment.ts'
import type { AccessResolver } from '../access/resolve.ts'
import type { Clock } from '../ground/clock.ts'
import type { Random } from '../ground/random.ts'
import type { AccessState } from '../model/access-state.ts'
import type { CompiledPolicy, PolicySource } from '../model/compiled-policy.ts'
import type {
  CheckQuestion,
  Decision,
  DecisionPoint,
  Explanation,
  HolderList,
  HoldersQuestion,
  PermissionHolder,
  Verdict,
} from '../model/decision.ts'
import { NotFoundError, StoreError } from '../model/error-code.ts'
import { BATCH_LOADS_AT_ONCE_MAX, BATCH_SUGGESTIONS_MAX, FRESHNESS_BOUND_MS, RESOLVE_ATTEMPTS_MAX } from '../model/limits.ts'
import type { PermissionEntry } from '../model/policy.ts'
import { decodePageToken, encodePageToken } from '../store/page.ts'
import type { AccessReader, Holders } from '../store/ports.ts'
import { decide } from './decide.ts'
import { explain } from './explain.ts'
import { heldPermissions, holding } from './list.ts'

export interface DecisionNeeds {
  readonly resolver: AccessResolver
  readonly access: Pick<AccessReader, 'listHolders'>
  readonly policy: PolicySource
  readonly clock: Clock
  readonly random: Random
}

export function openDecisionPoint(needs: DecisionNeeds): DecisionPoint {
  const { resolver } = needs
  const stamp = (policy: CompiledPolicy, found: Found<AccessState>, question: CheckQuestion, suggest: Suggest): Decision => ({
    ...suggested(policy, question, decide(policy, question, found.value), suggest),
    decisionId: needs.random.uuid(),
    policyRevision: policy.revision,
    position: found.position,
  })

  return {
    async check(question, signal) {
      throwIfAborted(signal)
      const found = await resolver.resolve(question.tenant, question.user, question.minPosition, signal)
      return stamp(found.policy, found, question, always)
    },

    async checkBatch(questions, signal) {
      throwIfAborted(signal)
      const { pairs, policy } = await resolvePairs(needs, questions, signal)
      const suggest = atMost(BATCH_SUGGESTIONS_MAX)
      return questions.map((question) => {
        const found = pairs.get(pairKey(question))
        if (found === undefined || found instanceof Error) return found ?? new Error('a pair of the batch was not resolved')
        try {
          return stamp(policy, found, question, suggest)
        } catch (fault) {
          return asError(fault)
        }
      })
    },

    async checkPermissions(question, signal) {
      throwIfAborted(signal)
      const { value: state, position, policy } = await resolver.resolve(question.tenant, question.user, question.minPosition, signal)
      const allowed = question.permissions.map(
        (permission) => decide(policy, { user: question.user, tenant: question.tenant, permission }, state).allowed,
      )
      return { allowed, decisionId: needs.random.uuid(), policyRevision: policy.revision, position }
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
      const found = await resolver.resolve(question.tenant, question.user, question.minPosition, signal)
      return { decision: stamp(found.policy, found, question, always), ...explain(found.policy, question, found.value, privileged) }
    },
  }
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

/**
 * Each distinct pair once, a few at a time; a pair that fails fails only its own items. What was found first may be outdated when the last one
 * is there: it is found again then, until all are current at one moment, the one at which this resolves.
 */
async function resolvePairs(
  { resolver, policy }: DecisionNeeds,
  questions: readonly CheckQuestion[],
  signal: AbortSignal,
): Promise<{ readonly pairs: ReadonlyMap<string, Found<AccessState> | Error>; readonly policy: CompiledPolicy }> {
  const pairs = new Map<string, CheckQuestion>()
  for (const question of questions) pairs.set(pairKey(question), question)
  const found = new Map<string, Found<AccessState> | Error>()
  let waiting = [...pairs]
  for (let attempt = 1; waiting.length > 0 && attempt <= RESOLVE_ATTEMPTS_MAX; attempt++) {
    await resolveEach(resolver, waiting, found, signal)
    throwIfAborted(signal)
    waiting = [...pairs].filter(([key, { tenant, user }]) => {
      const one = found.get(key)
      return one !== undefined && !(one instanceof Error) && !resolver.isCurrent(tenant, user, one)
    })
  }
  for (const [key] of waiting) found.set(key, new StoreError('What was read for a batch is outdated before the rest of it could be read'))
  // One bundle for all of them, taken in the same moment: two items never disagree because of what happened between them.
  return { pairs: found, policy: policy.current() }
}

async function resolveEach(
  resolver: AccessResolver,
  pairs: readonly [string, CheckQuestion][],
  found: Map<string, Found<AccessState> | Error>,
  signal: AbortSignal,
): Promise<void> {
  const waiting = [...pairs]
  const work = async () => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      throwIfAborted(signal)
      const [key, question] = next
      found.set(key, await resolver.resolve(question.tenant, question.user, question.minPosition, signal).catch(asError))
    }
  }
  await Promise.all(Array.from({ length: BATCH_LOADS_AT_ONCE_MAX }, work))
}

/** Lengths stand in front, so that no two pairs (and freshness demands) can meet in one key. */
function pairKey(question: CheckQuestion): string {
  return `${question.tenant.length}:${question.tenant}${question.user.length}:${question.user}${question.minPosition ?? ''}`
}

/** Whether one more search for a nearest name may be made. */
type Suggest = () => boolean
const always: Suggest = () => true

function atMost(count: number): Suggest {
  let left = count
  return () => left-- > 0
}

/** The rule is done without it: a hint is a search through all names, and what answers many questions makes only a few. */
function suggested(policy: CompiledPolicy, question: CheckQuestion, verdict: Verdict, suggest: Suggest): Verdict {
  if (verdict.reason !== 'UNKNOWN_PERMISSION' || !suggest()) return verdict
  const near = policy.suggestPermission(question.permission)
  return near === undefined ? verdict : { ...verdict, hint: `did you mean "${near}"?` }
}

function unknownPermission(policy: CompiledPolicy, permission: string): NotFoundError {
  const near = policy.suggestPermission(permission)
  return new NotFoundError('The permission is in no catalogue.', near === undefined ? undefined : `Did you mean "${near}"?`)
}

function asError(fault: unknown): Error {
  return fault instanceof Error ? fault : new Error(String(fault))
}
