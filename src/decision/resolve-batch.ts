/** What the questions of a batch are decided from: each distinct subject once, all of them current at one moment. Decides nothing. Floor 5. */
import { throwIfAborted } from '../access/abortable.ts'
import type { Found } from '../access/fresh-reader.ts'
import type { RefusedToken } from '../access/presented-token.ts'
import type { AccessState } from '../model/access-state.ts'
import type { CompiledPolicy, PolicySource } from '../model/compiled-policy.ts'
import type { ByToken, CheckQuestion } from '../model/decision.ts'
import { StoreError } from '../model/error-code.ts'
import { BATCH_LOADS_AT_ONCE_MAX, RESOLVE_ATTEMPTS_MAX } from '../model/limits.ts'
import { type Proved, resolveToken, type TokenNeeds } from './resolve-token.ts'

type Question = CheckQuestion | ByToken<CheckQuestion>
/** Of a question that names its user the state alone. */
export type BatchSubject = Found<AccessState> | Proved | RefusedToken

export interface ResolvedBatch {
  /** One bundle for all of them, taken in the same moment: two items never disagree because of what happened between them. */
  readonly policy: CompiledPolicy
  of(question: Question): BatchSubject | Error
}

interface BatchNeeds extends TokenNeeds {
  readonly policy: PolicySource
}

/**
 * A few at a time; a subject that fails fails only its own items. What was found first may be outdated when the last one is there: it is found
 * again then, until all are current at one moment, the one at which this resolves.
 */
export async function resolveBatch(needs: BatchNeeds, questions: readonly Question[], signal: AbortSignal): Promise<ResolvedBatch> {
  const subjects = new Map<string, Question>()
  for (const question of questions) subjects.set(subjectKey(question), question)
  const found = new Map<string, BatchSubject | Error>()
  let waiting = [...subjects]
  for (let attempt = 1; waiting.length > 0 && attempt <= RESOLVE_ATTEMPTS_MAX; attempt++) {
    await resolveEach(needs, waiting, found, signal)
    throwIfAborted(signal)
    waiting = [...subjects].filter(([key, question]) => {
      const one = found.get(key)
      return one !== undefined && !(one instanceof Error) && !isCurrent(needs, question, one)
    })
  }
  for (const [key] of waiting) found.set(key, new StoreError('What was read for a batch is outdated before the rest of it could be read'))
  return {
    policy: needs.policy.current(),
    of: (question) => found.get(subjectKey(question)) ?? new Error('a subject of the batch was not resolved'),
  }
}

async function resolveEach(
  needs: BatchNeeds,
  subjects: readonly [string, Question][],
  found: Map<string, BatchSubject | Error>,
  signal: AbortSignal,
): Promise<void> {
  const waiting = [...subjects]
  const work = async () => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      throwIfAborted(signal)
      const [key, question] = next
      found.set(key, await resolveOne(needs, question, signal).catch(asError))
    }
  }
  await Promise.all(Array.from({ length: BATCH_LOADS_AT_ONCE_MAX }, work))
}

function resolveOne(needs: BatchNeeds, question: Question, signal: AbortSignal): Promise<BatchSubject> {
  return 'accessToken' in question
    ? resolveToken(needs, question, signal)
    : needs.resolver.resolve(question.tenant, question.user, question.minPosition, signal)
}

function isCurrent({ resolver }: BatchNeeds, question: Question, subject: BatchSubject): boolean {
  if ('refusal' in subject) return subject.isCurrent()
  if ('token' in subject) return subject.token.isCurrent() && resolver.isCurrent(subject.tenant, subject.user, subject.found)
  return 'accessToken' in question || resolver.isCurrent(question.tenant, question.user, subject)
}

/** Lengths stand in front, so that no two subjects (and freshness demands) can meet in one key; that of a token begins with no length. */
function subjectKey(question: Question): string {
  const { tenant, minPosition } = question
  if ('accessToken' in question) return `token ${question.accessToken.length}:${question.accessToken}${minPosition ?? ''}:${tenant ?? ''}`
  return `${question.tenant.length}:${tenant}${question.user.length}:${question.user}${minPosition ?? ''}`
}

export function asError(fault: unknown): Error {
  return fault instanceof Error ? fault : new Error(String(fault))
}
