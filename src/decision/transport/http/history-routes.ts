/** The routes of an auditor's questions. Floor 5. */
import * as requests from '../../translate/history-requests.ts'
import * as answers from './history-schemas.ts'
import type { Route } from './route.ts'

export const HISTORY_ROUTES: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/decisions',
    operation: 'ListDecisions',
    summary: 'Decisions that the log in the database has, newest first. A page can be short, or empty, and not the last.',
    scopes: ['audit'],
    request: requests.listDecisionsSchema,
    response: answers.decisionList,
  },
  {
    method: 'GET',
    path: '/v1/decisions/{id}',
    operation: 'GetDecision',
    summary: 'One decision by the id that its answer carried.',
    scopes: ['audit'],
    request: requests.getDecisionSchema,
    response: answers.oneDecision,
  },
  {
    method: 'GET',
    path: '/v1/assignments/expiring',
    operation: 'ListExpiringAssignments',
    summary: 'Assignments that are over soon, soonest first.',
    scopes: ['audit', 'administer'],
    request: requests.listExpiringSchema,
    response: answers.expiringAssignments,
  },
  {
    method: 'GET',
    path: '/v1/roles/{role}/use',
    operation: 'GetRoleUse',
    summary: 'Which permissions of a role were used, by the decision log in the database, and what this rests on.',
    scopes: ['audit'],
    request: requests.roleUseSchema,
    response: answers.roleUse,
  },
]
