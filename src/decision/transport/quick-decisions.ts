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
  /** The same of a batch, whose items are answered at one moment; of one that failed the fault. */
  readonly batchDecided: (results: readonly (Decision | Error)[], arrival: Arrival) => void
}

export function quickDecisions({ decisions, authentication, decided, batchDecided }: QuickDecisionNeeds): QuickDecisions {
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
      const { caller } = arrival
      const questions: CheckQuestion[] = []
      /** Of what is an answer already, at its place. */
      let refused: Map<number, Error> | undefined
      for (let index = 0; index < parsed.length; index++) {
        const item = parsed[index] as ParsedCheck | Error
        if (!(item instanceof Error) && 'accessToken' in item) return undefined
        const question = item instanceof Error || caller.tenants === null ? item : heldToTenant(item, caller)
        if (question instanceof Error) {
          refused ??= new Map()
          refused.set(index, question)
        } else questions.push(question)
      }
      const answers = decisions.recallBatch(questions)
      if (answers === undefined) return undefined
      const results = refused === undefined ? answers : inPlace(answers, refused)
      batchDecided(results, arrival)
      return results
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

/** Answers in their order, with what was refused between them. */
function inPlace(answers: readonly (Decision | Error)[], refused: ReadonlyMap<number, Error>): readonly (Decision | Error)[] {
  let next = 0
  return Array.from({ length: answers.length + refused.size }, (_, index) => refused.get(index) ?? (answers[next++] as Decision | Error))
}

function heldToTenant(question: CheckQuestion, caller: Caller): CheckQuestion | Error {
  try {
    requireTenant(caller, question.tenant)
    return question
  } catch (fault) {
    return fault as Error
  }
}
