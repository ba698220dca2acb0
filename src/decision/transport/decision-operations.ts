/** The questions both wires can carry: parse, hold the caller to scope and tenant, ask, write the answer. Floor 5. */
import { requireScope, requireTenant } from '../../access/guard.ts'
import type { AccessHistory } from '../../model/access-history.ts'
import type { ByToken, CheckQuestion, Decision, DecisionPoint, PermissionsAnswer, PermissionsQuestion } from '../../model/decision.ts'
import type { DecidedMethod } from '../../model/decision-record.ts'
import type { Arrival, Call } from '../../wire/call.ts'
import type { Message } from '../../wire/error-message.ts'
import {
  decisionMessage,
  explanationMessage,
  holderListMessage,
  permissionListMessage,
  permissionsMessage,
  resultMessage,
} from '../translate/decision-answers.ts'
import {
  type ParsedCheck,
  parseBatch,
  parseCheck,
  parseListPermissions,
  parseListUsers,
  parsePermissions,
} from '../translate/decision-requests.ts'
import type { WireForm } from '../translate/wire-form.ts'

/** Plain request in, plain answer out; everything else it says by throwing. */
export type Operation = (plain: Readonly<Record<string, unknown>>, call: Call, form: WireForm) => Promise<Message>

export interface DecisionOperationNeeds {
  readonly decisions: DecisionPoint
  /** The lists at another time than now; guarded inside. */
  readonly history: AccessHistory
  /** Told of every decision, before it is answered. */
  readonly decided: (decision: Decision | PermissionsAnswer, method: DecidedMethod, arrival: Arrival) => void
  /** The same of a batch, whose items are answered at one moment; of one that failed the fault. */
  readonly batchDecided: (results: readonly (Decision | Error)[], arrival: Arrival) => void
}

export type DecisionMethod = 'Check' | 'BatchCheck' | 'CheckPermissions' | 'ListPermissions' | 'ListUsers' | 'Explain'

export function decisionOperations(needs: DecisionOperationNeeds): Readonly<Record<DecisionMethod, Operation>> {
  const { decisions, history, decided } = needs
  return {
    async Check(plain, call, form) {
      requireScope(call.caller, 'decide')
      const question = heldToTenant<CheckQuestion>(parseCheck(plain), call)
      const decision = await decisions.check(question, call.signal)
      decided(decision, 'Check', call)
      return decisionMessage(decision, form)
    },
    async BatchCheck(plain, call, form) {
      requireScope(call.caller, 'decide')
      const parsed = parseBatch(plain).map((item) => (item instanceof Error ? item : itemHeldToTenant(item, call)))
      const questions = parsed.filter((item): item is Check => !(item instanceof Error))
      const answers = questions.length === 0 ? [] : await decisions.checkBatch(questions, call.signal)
      let next = 0
      const results = parsed.map((item) =>
        item instanceof Error ? item : (answers[next++] ?? new Error('the decision point left an item unanswered')),
      )
      needs.batchDecided(results, call)
      return { items: results.map((result) => resultMessage(result, form)) }
    },
    async CheckPermissions(plain, call) {
      requireScope(call.caller, 'decide')
      const question = heldToTenant<PermissionsQuestion>(parsePermissions(plain), call)
      const answer = await decisions.checkPermissions(question, call.signal)
      decided(answer, 'CheckPermissions', call)
      return permissionsMessage(answer)
    },
    async ListPermissions(plain, call) {
      if (plain['at'] === undefined) requireScope(call.caller, 'decide')
      const { user, tenant, at } = parseListPermissions(plain)
      if (at !== undefined) return permissionListMessage(await history.listPermissionsAt(call.caller, user, tenant, at))
      requireTenant(call.caller, tenant)
      return permissionListMessage(await decisions.listPermissions(user, tenant, call.signal))
    },
    async ListUsers(plain, call) {
      if (plain['at'] === undefined) requireScope(call.caller, 'decide')
      const { question, at } = parseListUsers(plain)
      if (at !== undefined) return holderListMessage(await history.listUsersAt(call.caller, question, at))
      requireTenant(call.caller, question.tenant)
      return holderListMessage(await decisions.listUsers(question, call.signal))
    },
    async Explain(plain, call, form) {
      requireScope(call.caller, 'decide')
      const question = heldToTenant<CheckQuestion>(parseCheck(plain), call)
      const privileged = call.caller.scopes.includes('administer')
      const explanation = await decisions.explain(question, privileged, call.signal)
      decided(explanation.decision, 'Explain', call)
      return explanationMessage(explanation, form)
    },
  }
}

type Check = CheckQuestion | ByToken<CheckQuestion>

/** The tenant of a token is known once it was looked at: the caller goes with it until then. @throws CallerDeniedError */
function heldToTenant<Question extends CheckQuestion | PermissionsQuestion>(
  question: Question | Omit<ByToken<Question>, 'heldTo'>,
  { caller }: Call,
): Question | ByToken<Question> {
  if ('accessToken' in question) return { ...question, heldTo: caller } as unknown as ByToken<Question>
  requireTenant(caller, (question as Question).tenant)
  return question as Question
}

function itemHeldToTenant(question: ParsedCheck, call: Call): Check | Error {
  try {
    return heldToTenant<CheckQuestion>(question, call)
  } catch (fault) {
    return fault as Error
  }
}
