/** Policies on their way into force, as both wires can carry them. Scopes are guarded inside PolicyReleases, which no wire can pass by. Floor 5. */
import { RequestError } from '../../model/error-code.ts'
import { POLICY_REQUEST_TIMEOUT_MS } from '../../model/policy-limits.ts'
import type { PolicyReleases } from '../../model/policy-release.ts'
import type { Call } from '../../wire/call.ts'
import { parseWith } from '../../wire/violations.ts'
import { pageMessage } from '../translate/administration-answers.ts'
import { emptySchema, pageOf, pageSchema } from '../translate/administration-requests.ts'
import { type PlanMessage, planMessage } from '../translate/plan-answers.ts'
import * as answers from '../translate/release-answers.ts'
import * as requests from '../translate/release-requests.ts'
import type { WireForm } from '../translate/wire-form.ts'
import { contextOf } from './administration-operations.ts'
import type { Operation } from './decision-operations.ts'

/** Plain request in, plain answers out, as they come; everything else it says by throwing, at the first step or later. */
export type PlanOperation = (plain: Readonly<Record<string, unknown>>, call: Call, form: WireForm) => AsyncIterable<PlanMessage>

export function releaseOperations(releases: PolicyReleases) {
  return {
    async PublishPolicy(plain, call, form) {
      const { files, author, message, sourceCommit, reason } = parseWith(requests.publishPolicySchema, plain)
      const input = { files, ...said({ author, message, sourceCommit }) }
      return answers.publishedMessage(await releases.publish(contextOf(call, { reason }), input), form)
    },
    async GetPolicyRevision(plain, call, form) {
      const { revision } = parseWith(requests.getPolicyRevisionSchema, plain)
      return answers.revisionWithBundleMessage(await releases.getRevision(call.caller, revision), form)
    },
    async ActivatePolicy(plain, call, form) {
      const { revision, at, reason } = parseWith(requests.activatePolicySchema, plain)
      const input = { revision, ...(at === undefined ? {} : { atMs: at }) }
      return answers.activationMessage(await releases.activate(contextOf(call, { reason }), input), form)
    },
    async RollbackPolicy(plain, call, form) {
      const { reason, ...input } = parseWith(requests.rollbackPolicySchema, plain)
      const activation = await releases.rollback(contextOf(call, { reason }), input).catch((fault) => {
        throw named(input.to === undefined ? 'from' : 'to', fault)
      })
      return answers.activationMessage(activation, form)
    },
    async ListPolicyActivations(plain, call, form) {
      const page = await releases.listActivations(call.caller, pageOf(parseWith(pageSchema, plain)))
      return pageMessage('activations', page, (record) => answers.activationRecordMessage(record, form))
    },
    async ListScheduledActivations(plain, call, form) {
      parseWith(emptySchema, plain)
      const scheduled = await releases.listScheduled(call.caller)
      return { scheduled: scheduled.map((one) => answers.scheduledMessage(one, form)) }
    },
    async CancelScheduledActivation(plain, call, form) {
      const { id, reason } = parseWith(requests.cancelScheduledSchema, plain)
      return { scheduled: answers.scheduledMessage(await releases.cancel(contextOf(call, { reason }), id), form) }
    },
    async ListReplicas(plain, call, form) {
      parseWith(emptySchema, plain)
      const replicas = await releases.listReplicas(call.caller)
      return { replicas: replicas.map((replica) => answers.replicaMessage(replica, form)) }
    },
    async ListPermissionIndex(plain, call) {
      parseWith(emptySchema, plain)
      return answers.permissionIndexMessage(await releases.listIndex(call.caller))
    },
    async ListLiveRoles(plain, call) {
      parseWith(emptySchema, plain)
      return { roles: await releases.listLiveRoles(call.caller) }
    },
    async GetPolicyBudget(plain, call) {
      parseWith(emptySchema, plain)
      return answers.budgetMessage(await releases.budget(call.caller, call.signal))
    },
  } satisfies Readonly<Record<string, Operation>>
}

/** Milliseconds of the operations that may take longer than REQUEST_TIMEOUT_MS: they read whole policies, or wait for all replicas. */
export const LONG_OPERATIONS_MS: Readonly<Partial<Record<string, number>>> = {
  PublishPolicy: POLICY_REQUEST_TIMEOUT_MS,
  GetPolicyRevision: POLICY_REQUEST_TIMEOUT_MS,
  ActivatePolicy: POLICY_REQUEST_TIMEOUT_MS,
  RollbackPolicy: POLICY_REQUEST_TIMEOUT_MS,
  GetPolicyBudget: POLICY_REQUEST_TIMEOUT_MS,
} satisfies Partial<Record<keyof ReturnType<typeof releaseOperations>, number>>

export function planOperation(releases: PolicyReleases): PlanOperation {
  return async function* (plain, call, form) {
    const { candidate, people } = requests.parsePlan(plain)
    for await (const event of releases.plan(call.caller, candidate, people, call.signal)) yield planMessage(event, form)
  }
}

/** Fields that say something: proto3 cannot tell an empty text from none, so neither wire does. */
function said<Fields extends Readonly<Record<string, string | undefined>>>(fields: Fields): { [Name in keyof Fields]?: string } {
  const found: { [Name in keyof Fields]?: string } = {}
  for (const name of Object.keys(fields) as (keyof Fields)[]) {
    const value = fields[name]
    if (value !== undefined && value !== '') found[name] = value
  }
  return found
}

/** A revision that is none, by the field in which this request named it. */
function named(field: string, fault: unknown): unknown {
  if (!(fault instanceof RequestError)) return fault
  return new RequestError(
    fault.violations.map((violation) => (violation.field === 'revision' ? { ...violation, field } : violation)),
    fault.hint,
  )
}
