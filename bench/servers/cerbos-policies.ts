/** The office policy in Cerbos's words: one resource policy, roles as they are, conditions in CEL. Pure. */
import type { Facts } from '../facts.ts'
import { KIND } from '../forms/cerbos-forms.ts'

/** The conditions of policies/office/roles.yaml. A number of JSON is a double in CEL. */
const CONDITIONS: Readonly<Record<string, string>> = {
  'salesperson sales.quote.send':
    'has(R.attr.amount) && R.attr.amount <= 10000.0 && has(R.attr.discountPercent) && R.attr.discountPercent <= 15.0',
  'sales-manager sales.quote.approve':
    'has(R.attr.region) && R.attr.region in P.attr.regions && has(R.attr.createdBy) && R.attr.createdBy != P.id',
  'finance-approver finance.payout.approve': 'has(R.attr.createdBy) && R.attr.createdBy != P.id',
  'agent agents.ticket.answer': 'has(R.attr.languages) && "en" in R.attr.languages',
}

/** By name of a file; what nothing allows is denied there, too. */
export function cerbosPolicies({ policy }: Facts): Readonly<Record<string, unknown>> {
  const rules = policy.bundle.roles.flatMap(({ name, grants }) => {
    const plain = grants.flatMap(({ permission, when }) => (when === undefined ? [permission] : []))
    const conditional = grants.flatMap(({ permission, when }) =>
      when === undefined ? [] : [rule([permission], name, conditionOf(name, permission))],
    )
    return [...(plain.length === 0 ? [] : [rule(plain, name, undefined)]), ...conditional]
  })
  return { [KIND]: { apiVersion: 'api.cerbos.dev/v1', resourcePolicy: { resource: KIND, version: 'default', rules } } }
}

function rule(actions: readonly string[], role: string, expr: string | undefined): unknown {
  const condition = expr === undefined ? {} : { condition: { match: { expr } } }
  return { actions, effect: 'EFFECT_ALLOW', roles: [role], ...condition }
}

function conditionOf(role: string, permission: string): string {
  const condition = CONDITIONS[`${role} ${permission}`]
  if (condition === undefined) throw new Error(`The condition of ${role} on ${permission} has no words of Cerbos here`)
  return condition
}
