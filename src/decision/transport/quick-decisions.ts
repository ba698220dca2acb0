/** The warm way of a question, the same for both wires: who asks and who is asked about lie in memory, so nothing is waited for. Floor 5. */
import { requireScope, requireTenant } from '../../access/guard.ts'
import type { Caller } from '../../model/caller.ts'
import type { CheckQuestion, Decision, DecisionPoint, PermissionsAnswer, PermissionsQuestion } from '../../model/decision.ts'
import type { DecidedMethod } from '../../model/decision-record.ts'
import type { Authentication } from '../../wire/authentication.ts'
import type { Arrival } from '../../wire/call.ts'
import type { ParsedCheck, ParsedPermissions } from '../translate/decision-requests.ts'

/**
 * `undefined` is no answer: the operation of the same name is to be asked, which waits for what is missing, or says what is wrong. What is answered
 * here is what the operation would answer, and is told as it would be. A question by access token is not answered here.
 */
export interface QuickDecisions {
  caller(authorization: string | undefined): Caller | undefined
  /** @throws CallerDeniedError, RequestError */
  check(question: ParsedCheck, arrival: Arrival): Decision | undefined
  /** All items or none. @throws CallerDeniedError */
  batch(questions: readonly (ParsedCheck | Error)[], arrival: Arrival): readonly (Decision | Error)[] | undefined
  /** @throws CallerDeniedError */
  permissions(question: ParsedPermissions, arrival: Arrival): PermissionsAnswer | undefined
}

export interface QuickDecisionNeeds {
  readonly decisions: DecisionPoint
  readonly authentication: Authentication
  /** Told of every decision, before it is answered. */
  readonly decided: (decision: Decision | PermissionsAnswer, method: DecidedMethod, arrival: Arrival) => void
  /** An unexpected fault inside a batch, which is answered in its place. */
  readonly itemFailed: (fault: Error, arrival: Arrival) => void
}

export function quickDecisions({ decisions, authentication, decided, itemFailed }: QuickDecisionNeeds): QuickDecisions {
  return {
    caller: (authorization) => authentication.recall?.(authorization),

    check(question, arrival) {
      if ('accessToken' in question) return undefined
      requireScope(arrival.caller, 'decide')
      requireTenant(arrival.caller, question.tenant)
      const decision = decisions.recallCheck(question)
      if (decision !== undefined) decided(decision, 'Check', arrival)
      return decision
    },

    batch(parsed, arrival) {
      requireScope(arrival.caller, 'decide')
      const held: (CheckQuestion | Error)[] = []
      const questions: CheckQuestion[] = []
      for (const item of parsed) {
        if (item instanceof Error) held.push(item)
        else if ('accessToken' in item) return undefined
        else {
          const question = heldToTenant(item, arrival.caller)
          held.push(question)
          if (!(question instanceof Error)) questions.push(question)
        }
      }
      const answers = decisions.recallBatch(questions)
      if (answers === undefined) return undefined
      let next = 0
      return held.map((item) => {
        const result = item instanceof Error ? item : (answers[next++] as Decision | Error)
        if (result instanceof Error) itemFailed(result, arrival)
        else decided(result, 'BatchCheck', arrival)
        return result
      })
    },

    permissions(question, arrival) {
      if ('accessToken' in question) return undefined
      requireScope(arrival.caller, 'decide')
      requireTenant(arrival.caller, (question as PermissionsQuestion).tenant)
      const answer = decisions.recallPermissions(question as PermissionsQuestion)
      if (answer !== undefined) decided(answer, 'CheckPermissions', arrival)
      return answer
    },
  }
}

function heldToTenant(question: CheckQuestion, caller: Caller): CheckQuestion | Error {
  try {
    requireTenant(caller, question.tenant)
    return question
  } catch (fault) {
    return fault as Error
  }
}
