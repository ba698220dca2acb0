/** The routes of policies on their way into force. Floor 5. */
import { POLICY_READERS } from '../../../access/administration.ts'
import { POLICY_UPLOAD_BYTES_MAX } from '../../../model/policy-limits.ts'
import { emptySchema, pageSchema } from '../../translate/administration-requests.ts'
import * as requests from '../../translate/release-requests.ts'
import * as answers from './release-schemas.ts'
import type { Route } from './route.ts'

const POLICY = '/v1/policy'
const REVISION = `${POLICY}/revisions/{revision}`

export const RELEASE_ROUTES: readonly Route[] = [
  {
    method: 'POST',
    path: `${POLICY}/revisions`,
    operation: 'PublishPolicy',
    summary: 'Validates, tests and keeps a policy; puts nothing in force. 201 when it is new, 200 when it was there.',
    scopes: ['publish'],
    request: requests.publishPolicySchema,
    response: answers.published,
    bodyBytesMax: POLICY_UPLOAD_BYTES_MAX,
    creates: true,
  },
  {
    method: 'GET',
    path: REVISION,
    operation: 'GetPolicyRevision',
    summary: 'One revision with all it says.',
    scopes: POLICY_READERS,
    request: requests.getPolicyRevisionSchema,
    response: answers.revisionWithBundle,
  },
  {
    method: 'POST',
    path: `${REVISION}/activate`,
    operation: 'ActivatePolicy',
    summary: 'Puts a revision in force, now or at a time to come.',
    scopes: ['publish'],
    request: requests.activatePolicySchema,
    response: answers.activation,
    bodyOptional: true,
  },
  {
    method: 'POST',
    path: `${POLICY}/rollback`,
    operation: 'RollbackPolicy',
    summary: 'Puts the revision in force again that was before the present one, or the one that is named: a new activation.',
    scopes: ['publish'],
    request: requests.rollbackPolicySchema,
    response: answers.activation,
    bodyOptional: true,
  },
  {
    method: 'GET',
    path: `${POLICY}/activations`,
    operation: 'ListPolicyActivations',
    summary: 'What was in force, newest first.',
    scopes: POLICY_READERS,
    request: pageSchema,
    response: answers.activationList,
  },
  {
    method: 'GET',
    path: `${POLICY}/schedule`,
    operation: 'ListScheduledActivations',
    summary: 'Activations that wait for their time, soonest first.',
    scopes: POLICY_READERS,
    request: emptySchema,
    response: answers.scheduledList,
  },
  {
    method: 'DELETE',
    path: `${POLICY}/schedule/{id}`,
    operation: 'CancelScheduledActivation',
    summary: 'Calls off an activation that waits.',
    scopes: ['publish'],
    request: requests.cancelScheduledSchema,
    response: answers.oneScheduled,
  },
  {
    method: 'GET',
    path: `${POLICY}/replicas`,
    operation: 'ListReplicas',
    summary: 'Which revision each replica answers by, and since when.',
    scopes: POLICY_READERS,
    request: emptySchema,
    response: answers.replicaList,
  },
  {
    method: 'GET',
    path: `${POLICY}/index`,
    operation: 'ListPermissionIndex',
    summary: 'Bits of permissions in claims; they never move.',
    scopes: POLICY_READERS,
    request: emptySchema,
    response: answers.permissionIndex,
  },
  {
    method: 'GET',
    path: `${POLICY}/live-roles`,
    operation: 'ListLiveRoles',
    summary: 'Roles that somebody holds or will hold, also those of no policy.',
    scopes: POLICY_READERS,
    request: emptySchema,
    response: answers.liveRoles,
  },
  {
    method: 'GET',
    path: `${POLICY}/budget`,
    operation: 'GetPolicyBudget',
    summary: 'How large permission claims are, and whose is the largest.',
    scopes: POLICY_READERS,
    request: emptySchema,
    response: answers.budget,
  },
  {
    method: 'POST',
    path: `${POLICY}/plan`,
    operation: 'PlanPolicy',
    summary: 'What a candidate would do to people, line by line as it is found out.',
    scopes: POLICY_READERS,
    request: requests.planPolicySchema,
    response: answers.planLine,
    bodyBytesMax: POLICY_UPLOAD_BYTES_MAX,
  },
]
