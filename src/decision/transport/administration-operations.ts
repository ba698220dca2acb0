/** Administration as both wires can carry it. Scopes and tenants are guarded inside Administration, which no wire can pass by. Floor 5. */
import type { Administration, ChangeContext } from '../../model/administration.ts'
import type { Call } from '../../wire/call.ts'
import { parseWith } from '../../wire/violations.ts'
import * as answers from '../translate/administration-answers.ts'
import * as requests from '../translate/administration-requests.ts'
import type { Operation } from './decision-operations.ts'

/** Fields that every request for a change has. */
export interface Asked {
  readonly reason?: string | undefined
  readonly wait?: boolean | undefined
}

/** The context of a change; proto3 cannot tell an empty reason from none, so neither wire does. */
export function contextOf(call: Call, { reason, wait }: Asked): ChangeContext {
  return {
    caller: call.caller,
    requestId: call.requestId,
    ...(reason === undefined || reason === '' ? {} : { reason }),
    ...(wait === undefined ? {} : { wait }),
  }
}

export function administrationOperations(administration: Administration) {
  return {
    async PutTenant(plain, call, form) {
      const { reason, wait, ...input } = parseWith(requests.putTenantSchema, plain)
      const changed = await administration.putTenant(contextOf(call, { reason, wait }), input)
      return answers.changedMessage('tenant', changed, answers.tenantMessage(changed.record, form))
    },
    async GetTenant(plain, call, form) {
      const { tenant } = parseWith(requests.tenantSchema, plain)
      return { tenant: answers.tenantMessage(await administration.getTenant(call.caller, tenant), form) }
    },
    async ListTenants(plain, call, form) {
      const page = await administration.listTenants(call.caller, requests.pageOf(parseWith(requests.pageSchema, plain)))
      return answers.pageMessage('tenants', page, (record) => answers.tenantMessage(record, form))
    },
    async SuspendTenant(plain, call, form) {
      const { tenant, ...asked } = parseWith(requests.tenantChangeSchema, plain)
      const changed = await administration.suspendTenant(contextOf(call, asked), tenant)
      return answers.changedMessage('tenant', changed, answers.tenantMessage(changed.record, form))
    },
    async ResumeTenant(plain, call, form) {
      const { tenant, ...asked } = parseWith(requests.tenantChangeSchema, plain)
      const changed = await administration.resumeTenant(contextOf(call, asked), tenant)
      return answers.changedMessage('tenant', changed, answers.tenantMessage(changed.record, form))
    },
    async PutUser(plain, call, form) {
      const { reason, wait, ...input } = parseWith(requests.putUserSchema, plain)
      const changed = await administration.putUser(contextOf(call, { reason, wait }), input)
      return answers.changedMessage('user', changed, answers.userMessage(changed.record, form))
    },
    async GetUser(plain, call, form) {
      const { user } = parseWith(requests.userSchema, plain)
      return { user: answers.userMessage(await administration.getUser(call.caller, user), form) }
    },
    async ListAccounts(plain, call, form) {
      const page = await administration.listUsers(call.caller, requests.pageOf(parseWith(requests.pageSchema, plain)))
      return answers.pageMessage('users', page, (record) => answers.userMessage(record, form))
    },
    async DeactivateUser(plain, call, form) {
      const { user, ...asked } = parseWith(requests.userChangeSchema, plain)
      const changed = await administration.deactivateUser(contextOf(call, asked), user)
      return answers.changedMessage('user', changed, answers.userMessage(changed.record, form))
    },
    async ReactivateUser(plain, call, form) {
      const { user, ...asked } = parseWith(requests.userChangeSchema, plain)
      const changed = await administration.reactivateUser(contextOf(call, asked), user)
      return {
        ...answers.changedMessage('user', changed, answers.userMessage(changed.record, form)),
        expiredMeanwhile: changed.expiredMeanwhile.map((record) => answers.assignmentMessage(record, form)),
        brokenConstraints: changed.brokenConstraints,
      }
    },
    async CreateAssignment(plain, call, form) {
      const { tenant, user, role, validFrom, expiresAt, ...asked } = parseWith(requests.createAssignmentSchema, plain)
      const changed = await administration.grant(contextOf(call, asked), {
        tenant,
        user,
        role,
        ...(validFrom === undefined ? {} : { validFromMs: validFrom }),
        ...(expiresAt === undefined ? {} : { expiresAtMs: expiresAt }),
      })
      return answers.changedMessage('assignment', changed, answers.assignmentMessage(changed.record, form))
    },
    async RevokeAssignment(plain, call, form) {
      const { tenant, user, id, ...asked } = parseWith(requests.revokeAssignmentSchema, plain)
      const changed = await administration.revoke(contextOf(call, asked), tenant, user, id)
      return answers.changedMessage('assignment', changed, answers.assignmentMessage(changed.record, form))
    },
    async RevokeRole(plain, call, form) {
      const { tenant, user, role, ...asked } = parseWith(requests.revokeRoleSchema, plain)
      const changed = await administration.revokeRole(contextOf(call, asked), tenant, user, role)
      const records = changed.record.map((record) => answers.assignmentMessage(record, form))
      return answers.changedMessage('assignments', changed, records)
    },
    async ListAssignments(plain, call, form) {
      const { tenant, user, history, ...page } = parseWith(requests.listAssignmentsSchema, plain)
      const found = await administration.listAssignments(call.caller, tenant, user, history === true, requests.pageOf(page))
      return answers.pageMessage('assignments', found, (record) => answers.assignmentMessage(record, form))
    },
    async CreateCaller(plain, call, form) {
      const { name, scopes, tenants, expiresAt, ...asked } = parseWith(requests.createCallerSchema, plain)
      const changed = await administration.createCaller(contextOf(call, asked), {
        name,
        scopes,
        ...(tenants === undefined ? {} : { tenants }),
        ...(expiresAt === undefined ? {} : { expiresAtMs: expiresAt }),
      })
      const { key, position, effective } = changed
      return { caller: answers.callerMessage(changed.record, form), key, position, effective }
    },
    async RotateCaller(plain, call, form) {
      const { id, overlapSeconds, ...asked } = parseWith(requests.rotateCallerSchema, plain)
      const changed = await administration.rotateCaller(contextOf(call, asked), {
        callerId: id,
        ...(overlapSeconds === undefined ? {} : { overlapMs: overlapSeconds * 1_000 }),
      })
      const { key, previousKeyUntilMs, position, effective } = changed
      const previousKeyUntil = form.instant(previousKeyUntilMs)
      return { caller: answers.callerMessage(changed.record, form), key, previousKeyUntil, position, effective }
    },
    async RevokeCaller(plain, call, form) {
      const { id, ...asked } = parseWith(requests.revokeCallerSchema, plain)
      const changed = await administration.revokeCaller(contextOf(call, asked), id)
      return answers.changedMessage('caller', changed, answers.callerMessage(changed.record, form))
    },
    async ListCallers(plain, call, form) {
      const page = await administration.listCallers(call.caller, requests.pageOf(parseWith(requests.pageSchema, plain)))
      return answers.pageMessage('callers', page, (record) => answers.callerMessage(record, form))
    },
    async ListAudit(plain, call, form) {
      const { pageSize, pageToken, since, until, ...filter } = parseWith(requests.listAuditSchema, plain)
      const page = requests.pageOf({ ...(pageSize === undefined ? {} : { pageSize }), ...(pageToken === undefined ? {} : { pageToken }) })
      const found = await administration.listAudit(
        call.caller,
        { ...filter, ...(since === undefined ? {} : { sinceMs: since }), ...(until === undefined ? {} : { untilMs: until }) },
        page,
      )
      return answers.pageMessage('entries', found, (record) => answers.auditMessage(record, form))
    },
    async GetPolicy(plain, call, form) {
      parseWith(requests.emptySchema, plain)
      return answers.policyMessage(administration.policyStatus(call.caller), form)
    },
    async ListPolicyRevisions(plain, call, form) {
      const page = await administration.listRevisions(call.caller, requests.pageOf(parseWith(requests.pageSchema, plain)))
      return answers.pageMessage('revisions', page, (record) => answers.revisionMessage(record, form))
    },
  } satisfies Readonly<Record<string, Operation>>
}
