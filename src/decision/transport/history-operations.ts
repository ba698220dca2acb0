/** Questions of an auditor, as both wires can carry them. Scopes are guarded inside AccessHistory and DecisionLogReader. Floor 5. */
import type { AccessHistory, DecisionLogReader } from '../../model/access-history.ts'
import { parseWith } from '../../wire/violations.ts'
import { assignmentMessage, pageMessage } from '../translate/administration-answers.ts'
import { decisionRecordMessage } from '../translate/decision-record-answers.ts'
import { roleUseMessage } from '../translate/history-answers.ts'
import { getDecisionSchema, parseListDecisions, parseListExpiring, parseRoleUse } from '../translate/history-requests.ts'
import type { Operation } from './decision-operations.ts'

export function historyOperations(history: AccessHistory, decisions: DecisionLogReader) {
  return {
    async ListDecisions(plain, call, form) {
      const { filter, page } = parseListDecisions(plain)
      const found = await decisions.list(call.caller, filter, page)
      return pageMessage('decisions', found, (record) => decisionRecordMessage(record, form))
    },
    async GetDecision(plain, call, form) {
      const { id } = parseWith(getDecisionSchema, plain)
      return { decision: decisionRecordMessage(await decisions.get(call.caller, id), form) }
    },
    async ListExpiringAssignments(plain, call, form) {
      const { filter, page } = parseListExpiring(plain)
      const found = await history.listExpiring(call.caller, filter, page)
      return pageMessage('assignments', found, (record) => assignmentMessage(record, form))
    },
    async GetRoleUse(plain, call, form) {
      return roleUseMessage(await history.reportRoleUse(call.caller, parseRoleUse(plain)), form)
    },
  } satisfies Readonly<Record<string, Operation>>
}
