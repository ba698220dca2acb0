/** Examples of the API description: they work as they stand on the sample policies and the people of `castellan dev`. Floor 5. */
import type { OperationName } from '../wire-needs.ts'

type Json = Readonly<Record<string, unknown>>

export const EXAMPLE_INSTANT = '2026-01-31T09:00:00Z'
/** Far enough away to lie in the future. */
const END = '2099-12-31T23:59:59Z'
export const EXAMPLE_UUID = '0b9f2a52-6d0e-4c53-9a4c-2f1a7a1f6c11'
export const EXAMPLE_TENANT = 'acme'

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
}

const QUESTION = { user: 'ann', tenant: EXAMPLE_TENANT, permission: 'sales.quote.send', resource: { amount: 9000, discountPercent: 5 } }

/** Bodies, without what the path says. */
export const BODIES: Readonly<Partial<Record<OperationName, Json>>> = {
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
  CreateCaller: { name: 'billing', scopes: ['decide'], tenants: [EXAMPLE_TENANT], expiresAt: END, reason: 'Asks for the billing service' },
}
