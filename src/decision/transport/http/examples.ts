/** Examples of the API description: they work as they stand on the sample policies and the people of `castellan dev`. Floor 5. */
import type { Route } from './route.ts'

type Json = Readonly<Record<string, unknown>>

export const EXAMPLE_INSTANT = '2026-01-31T09:00:00Z'
/** Far enough away to lie in the future. */
const END = '2099-12-31T23:59:59Z'
export const EXAMPLE_UUID = '0b9f2a52-6d0e-4c53-9a4c-2f1a7a1f6c11'
export const EXAMPLE_TENANT = 'acme'
export const EXAMPLE_REVISION = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'

const instant = (example: string): Json => ({ type: 'string', format: 'date-time', examples: [example] })

/** Its schema takes the words of a query too, which a description would show as a second type. */
const flag = (example: boolean): Json => ({ anyOf: undefined, type: 'boolean', examples: [example] })

/** What a field of a request is besides what its schema says: an instant's schema ends in a number, which has no format. */
export const FIELDS: Readonly<Record<string, Json>> = {
  tenant: { examples: [EXAMPLE_TENANT] },
  user: { examples: ['ann'] },
  permission: { examples: ['sales.quote.create'] },
  role: { examples: ['salesperson'] },
  id: { examples: [EXAMPLE_UUID] },
  actor: { examples: [EXAMPLE_UUID] },
  validFrom: instant(EXAMPLE_INSTANT),
  expiresAt: instant(END),
  since: instant(EXAMPLE_INSTANT),
  until: instant(END),
  history: flag(true),
  wait: flag(true),
  minPosition: { examples: [42] },
  withinSeconds: { anyOf: undefined, type: 'integer', examples: [604_800] },
  revision: { examples: [EXAMPLE_REVISION.slice(0, 12)] },
  at: instant(END),
  days: { anyOf: undefined, type: 'integer', examples: [90] },
}

const QUESTION = { user: 'ann', tenant: EXAMPLE_TENANT, permission: 'sales.quote.send', resource: { amount: 9000, discountPercent: 5 } }

/** Whoever tries it publishes a policy of one permission and one role beside all that were there. */
const FILE = `apiVersion: castellan/v1
kind: PermissionCatalogue
metadata: { service: visitors, owner: it@acme.example }
permissions:
  visitors.page.view: { code: v.pv, title: Open the page of visitors }
---
apiVersion: castellan/v1
kind: RoleBundle
metadata: { name: visitors, owner: it@acme.example }
roles:
  receptionist: { title: Receptionist, permissions: [visitors.page.view] }
`
const FILES = [{ name: 'visitors/policy.yaml', text: FILE }]

/** Bodies, without what the path says. */
export const BODIES: Readonly<Partial<Record<Route['operation'], Json>>> = {
  Check: QUESTION,
  Explain: QUESTION,
  BatchCheck: {
    user: 'ann',
    tenant: EXAMPLE_TENANT,
    items: [{ permission: 'sales.quote.create' }, { permission: 'finance.payout.create' }],
  },
  CheckPermissions: { user: 'ann', tenant: EXAMPLE_TENANT, permissions: ['sales.quote.create', 'finance.payout.create'] },
  PutTenant: { displayName: 'Acme', attributes: { region: 'north' }, reason: 'New customer' },
  SuspendTenant: { reason: 'Contract is over' },
  ResumeTenant: { reason: 'Contract is renewed' },
  PutUser: { email: 'ann@acme.example', displayName: 'Ann', attributes: { department: 'sales' }, reason: 'Joined the company' },
  DeactivateUser: { reason: 'Left the company' },
  ReactivateUser: { reason: 'Came back' },
  CreateAssignment: { role: 'salesperson', expiresAt: END, reason: 'Covers for a colleague' },
  RotateCaller: { overlapSeconds: 86400, reason: 'Keys are replaced each quarter' },
  PublishPolicy: {
    ...{ files: FILES, author: 'ann@acme.example', message: 'A page for the reception' },
    sourceCommit: 'b5bb9d8014a0f9b1d61e21e796d78dccdf1352f2',
  },
  ActivatePolicy: { at: END, reason: 'Reviewed in change 1234' },
  RollbackPolicy: { reason: 'Receptionists lost their page' },
  PlanPolicy: { files: FILES, people: false },
  CreateCaller: { name: 'billing', scopes: ['decide'], tenants: [EXAMPLE_TENANT], expiresAt: END, reason: 'Asks for the billing service' },
}
