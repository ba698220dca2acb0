/** The model's answers to questions → messages of either wire, with the proto3 JSON names. Floor 5. */
import type { Decision, Explanation, HolderList, PermissionList, PermissionsAnswer } from '../../model/decision.ts'
import { errorMessage, type Message } from '../../wire/error-message.ts'
import type { WireForm } from './wire-form.ts'

export function decisionMessage(decision: Decision, form: WireForm): Message {
  const message: Message = {
    allowed: decision.allowed,
    reason: decision.reason,
    decisionId: decision.decisionId,
    policyRevision: decision.policyRevision,
    position: decision.position,
    via: decision.via,
  }
  if (decision.validUntilMs !== undefined) message['validUntil'] = form.instant(decision.validUntilMs)
  if (decision.expiredAtMs !== undefined) message['expiredAt'] = form.instant(decision.expiredAtMs)
  if (decision.validFromMs !== undefined) message['validFrom'] = form.instant(decision.validFromMs)
  if (decision.hint !== undefined) message['hint'] = decision.hint
  return message
}

export function resultMessage(result: Decision | Error, form: WireForm): Message {
  return result instanceof Error ? { error: errorMessage(result) } : { decision: decisionMessage(result, form) }
}

export function permissionsMessage(answer: PermissionsAnswer): Message {
  const { allowed, denied, decisionId, policyRevision, position } = answer
  return { allowed, ...(denied === undefined ? {} : { denied }), decisionId, policyRevision, position }
}

export function permissionListMessage(list: PermissionList): Message {
  return {
    permissions: list.permissions.map(({ permission, code, conditional, via }) => ({ permission, code, conditional, via })),
    ...(list.denied === undefined ? {} : { denied: list.denied }),
    policyRevision: list.policyRevision,
    position: list.position,
  }
}

export function holderListMessage(list: HolderList): Message {
  return {
    users: list.users.map(({ user, conditional, via }) => ({ user, conditional, via })),
    ...(list.nextPageToken === undefined ? {} : { nextPageToken: list.nextPageToken }),
    policyRevision: list.policyRevision,
    position: list.position,
  }
}

export function explanationMessage(explanation: Explanation, form: WireForm): Message {
  return {
    decision: decisionMessage(explanation.decision, form),
    ...(explanation.permission === undefined ? {} : { permission: explanation.permission }),
    ...(explanation.code === undefined ? {} : { code: explanation.code }),
    tenantState: explanation.tenantState,
    accountState: explanation.accountState,
    tried: explanation.tried.map((grant) => ({
      assignmentId: grant.assignmentId,
      role: grant.role,
      window: grant.window,
      validFrom: form.instant(grant.validFromMs),
      ...(grant.expiresAtMs === undefined ? {} : { expiresAt: form.instant(grant.expiresAtMs) }),
      outcome: grant.outcome,
      ...(grant.failedAt === undefined ? {} : { failedAt: grant.failedAt }),
      ...(grant.conditionReason === undefined ? {} : { conditionReason: grant.conditionReason }),
    })),
    ...(explanation.wouldAllowWith === undefined ? {} : { wouldAllowWith: explanation.wouldAllowWith }),
  }
}
