/** The service's rule of deciding, asked in this process: verdict → an application's decision. Pure. Floor 6. */
import { decide } from '../../decision/decide.ts'
import { type Suggest, suggested } from '../../decision/suggest.ts'
import type { AccessState } from '../../model/access-state.ts'
import type { CompiledPolicy } from '../../model/compiled-policy.ts'
import type { CheckQuestion, Verdict } from '../../model/decision.ts'
import { RequestError } from '../../model/error-code.ts'
import type { Decision } from '../client.ts'

/** @returns undefined when the question is wrong: the service says how */
export function localVerdict(policy: CompiledPolicy, question: CheckQuestion, state: AccessState, suggest: Suggest): Verdict | undefined {
  try {
    const verdict = suggested(policy, question, decide(policy, question, state), suggest)
    // It is given out again and again, to whoever asks.
    Object.freeze(verdict.via)
    return verdict
  } catch (fault) {
    if (fault instanceof RequestError) return undefined
    throw fault
  }
}

/** Without the id of a decision: the service knows nothing of it. */
export function localDecision(verdict: Verdict, policyRevision: string, position: number): Decision {
  const { allowed, reason, via, validUntilMs, expiredAtMs, validFromMs, hint } = verdict
  if (validUntilMs === undefined && expiredAtMs === undefined && validFromMs === undefined && hint === undefined)
    return { allowed, reason, policyRevision, position, via }
  return {
    allowed,
    reason,
    policyRevision,
    position,
    via,
    ...(validUntilMs === undefined ? {} : { validUntil: new Date(validUntilMs) }),
    ...(expiredAtMs === undefined ? {} : { expiredAt: new Date(expiredAtMs) }),
    ...(validFromMs === undefined ? {} : { validFrom: new Date(validFromMs) }),
    ...(hint === undefined ? {} : { hint }),
  }
}
