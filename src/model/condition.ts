/** What a condition is asked about, and what it answers. Floor 1. */

export type Attributes = Readonly<Record<string, unknown>>

/** The subject, the tenant and, where the caller sent one, the resource. */
export interface ConditionContext {
  readonly user: { readonly id: string; readonly attributes: Attributes }
  readonly tenant: { readonly id: string; readonly attributes: Attributes }
  readonly resource: Attributes | undefined
}

export type ConditionFailure = 'VARIABLE_UNSET' | 'RESOURCE_REQUIRED' | 'ATTRIBUTE_MISSING' | 'CONDITION_FAILED'

/** `undefined` holds; otherwise why not, and where: an attribute with operator (`lastCoderId.$ne`) or a variable (`user.attributes.facilities`). */
export type ConditionOutcome = undefined | { readonly failure: ConditionFailure; readonly at: string }
