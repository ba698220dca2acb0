/** Who the sample people are, and two questions about them. Names roles of the packaged policies (policies/). Floor 6. */
import type { TenantInput, UserInput } from '../model/administration.ts'

export interface SampleGrant {
  readonly tenant: string
  readonly user: string
  readonly role: string
  /** Temporary: how long, milliseconds from the first start. */
  readonly forMs?: number
}
export interface SampleQuestion {
  /** The question in a sentence. */
  readonly words: string
  readonly question: { readonly user: string; readonly tenant: string; readonly permission: string }
  readonly answer: { readonly allowed: boolean; readonly reason: string }
}
export interface SampleQuestions {
  readonly allowed: SampleQuestion
  readonly denied: SampleQuestion
}

const DAY_MS = 86_400_000

export const sampleTenants: readonly TenantInput[] = [
  { tenant: 'acme', displayName: 'Acme, an office' },
  { tenant: 'north-clinic', displayName: 'North Clinic, a hospital', attributes: { mainFacility: 'north' } },
]

export const sampleUsers: readonly UserInput[] = [
  { user: 'ann', email: 'ann@example.org', displayName: 'Ann', attributes: { facilities: ['north'] } },
  { user: 'cleo', email: 'cleo@example.org', displayName: 'Cleo' },
  { user: 'eve', email: 'eve@example.org', displayName: 'Eve', attributes: { facilities: ['north'] } },
  { user: 'sue', email: 'sue@example.org', displayName: 'Sue' },
]

export const sampleGrants: readonly SampleGrant[] = [
  // One person, two tenants, different roles: nothing carries over.
  { tenant: 'acme', user: 'ann', role: 'salesperson' },
  { tenant: 'north-clinic', user: 'ann', role: 'coder' },
  { tenant: 'acme', user: 'cleo', role: 'finance-clerk' },
  { tenant: 'north-clinic', user: 'eve', role: 'dim-physician' },
  // Covers finance for a week, beside the work in sales; it ends by itself.
  { tenant: 'acme', user: 'sue', role: 'salesperson' },
  { tenant: 'acme', user: 'sue', role: 'finance-cover', forMs: 7 * DAY_MS },
]

/** Answers that hold as long as nobody changes the samples: nothing here depends on the temporary grant. */
export const sampleQuestions: SampleQuestions = {
  allowed: {
    words: 'Ann may write a quote at Acme, where she is a salesperson:',
    question: { user: 'ann', tenant: 'acme', permission: 'sales.quote.create' },
    answer: { allowed: true, reason: 'ROLE' },
  },
  denied: {
    words: 'She may not at North Clinic, where she is a coder:',
    question: { user: 'ann', tenant: 'north-clinic', permission: 'sales.quote.create' },
    answer: { allowed: false, reason: 'ROLE_LACKS_PERMISSION' },
  },
}
