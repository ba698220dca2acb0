/** Answers to auditors → messages of either wire, with the proto3 JSON names. Floor 5. */
import type { RoleUse } from '../../model/access-history.ts'
import type { Message } from '../../wire/error-message.ts'
import type { WireForm } from './wire-form.ts'

export function roleUseMessage(use: RoleUse, form: WireForm): Message {
  return {
    role: use.role,
    ...(use.tenant === undefined ? {} : { tenant: use.tenant }),
    policyRevision: use.policyRevision,
    from: form.instant(use.fromMs),
    until: form.instant(use.untilMs),
    ...(use.knownFromMs === undefined ? {} : { knownFrom: form.instant(use.knownFromMs) }),
    sampled: use.sampled,
    lost: use.lost,
    permissions: use.permissions.map(({ permission, code, uses, lastUsedMs }) => ({
      permission,
      code,
      uses,
      ...(lastUsedMs === undefined ? {} : { lastUsed: form.instant(lastUsedMs) }),
    })),
  }
}
