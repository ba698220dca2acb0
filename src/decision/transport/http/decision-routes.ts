/** The routes of questions. Floor 5. */
import * as decisions from '../../translate/decision-requests.ts'
import type { OperationName } from '../wire-needs.ts'
import * as answers from './answer-schemas.ts'
import type { Route } from './route.ts'

const TENANT = '/v1/tenants/{tenant}'

export const DECISION_ROUTES: readonly (Route & { readonly operation: OperationName })[] = [
  {
    method: 'POST',
    path: '/v1/check',
    operation: 'Check',
    summary: 'One question, one decision. A deny is 200 with allowed = false.',
    scopes: ['decide'],
    request: decisions.checkSchema,
    response: answers.decision,
    hot: true,
  },
  {
    method: 'POST',
    path: '/v1/check/batch',
    operation: 'BatchCheck',
    summary: 'Up to 1,000 questions, answered in order; one item’s error is that item’s.',
    scopes: ['decide'],
    request: decisions.batchSchema,
    response: answers.batch,
    hot: true,
  },
  {
    method: 'POST',
    path: '/v1/check/permissions',
    operation: 'CheckPermissions',
    summary: 'One user, many permissions: the cheap form. A conditional permission is a deny here.',
    scopes: ['decide'],
    request: decisions.permissionsSchema,
    response: answers.permissions,
    hot: true,
  },
  {
    method: 'POST',
    path: '/v1/explain',
    operation: 'Explain',
    summary: 'Why: each grant tried, the first failing condition, the states of account and tenant.',
    scopes: ['decide'],
    request: decisions.checkSchema,
    response: answers.explanation,
  },
  {
    method: 'GET',
    path: `${TENANT}/users/{user}/permissions`,
    operation: 'ListPermissions',
    summary: 'What a user may do in a tenant.',
    scopes: ['decide'],
    request: decisions.listPermissionsSchema,
    response: answers.permissionList,
    etag: true,
  },
  {
    method: 'GET',
    path: `${TENANT}/permissions/{permission}/users`,
    operation: 'ListUsers',
    summary: 'Who may use a permission in a tenant.',
    scopes: ['decide'],
    request: decisions.listUsersSchema,
    response: answers.holderList,
  },
]
