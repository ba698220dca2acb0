/** casbin with its RBAC-with-domains model; for conditions with `eval`, which is its way to have them in policies. */
import { newEnforcer, newModelFromString } from 'casbin'
import type { Asked, Facts } from '../facts.ts'
import type { Contender } from '../measure.ts'

// The cheap comparison first: casbin tries each line of the policy.
const PLAIN = `
[request_definition]
r = sub, dom, act
[policy_definition]
p = sub, act
[role_definition]
g = _, _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.act == p.act && g(r.sub, p.sub, r.dom)
`
const CONDITIONAL = `
[request_definition]
r = sub, dom, act, res
[policy_definition]
p = sub, act, cond
[role_definition]
g = _, _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.act == p.act && g(r.sub.id, p.sub, r.dom) && eval(p.cond)
`
/** The conditions of policies/office/roles.yaml in casbin's words. */
const CONDITIONS: Readonly<Record<string, string>> = {
  'salesperson sales.quote.send': 'r.res.amount <= 10000 && r.res.discountPercent <= 15',
  'sales-manager sales.quote.approve': 'among(r.res.region, r.sub.regions) && isText(r.res.createdBy) && r.res.createdBy != r.sub.id',
  'finance-approver finance.payout.approve': 'isText(r.res.createdBy) && r.res.createdBy != r.sub.id',
  'agent agents.ticket.answer': 'among("en", r.res.languages)',
}

export async function openCasbin(facts: Facts, questions: readonly Asked[], conditions: boolean): Promise<Contender> {
  const enforcer = await newEnforcer(newModelFromString(conditions ? CONDITIONAL : PLAIN))
  const lines = facts.policy.bundle.roles.flatMap(({ name, grants }) =>
    grants
      .filter(({ when }) => conditions || when === undefined)
      .map(({ permission, when }) =>
        conditions ? [name, permission, when === undefined ? 'true' : conditionOf(name, permission)] : [name, permission],
      ),
  )
  await enforcer.addPolicies(lines)
  await enforcer.addGroupingPolicies(
    facts.people.flatMap(({ user, roles }) => facts.tenants.flatMap((tenant) => (roles[tenant] ?? []).map((role) => [user, role, tenant]))),
  )
  await enforcer.addFunction('among', (item, list) => Array.isArray(list) && list.includes(item))
  await enforcer.addFunction('isText', (value) => typeof value === 'string')
  const subjects = new Map(facts.people.map(({ user, attributes }) => [user, { id: user, regions: attributes.regions }]))
  const allows = conditions
    ? ({ user, tenant, permission, resource }: Asked) => enforcer.enforceSync(subjects.get(user), tenant, permission, resource ?? {})
    : ({ user, tenant, permission }: Asked) => enforcer.enforceSync(user, tenant, permission)
  return {
    name: 'casbin',
    ask(from, count) {
      let allowed = 0
      for (let at = 0; at < count; at += 1) if (allows(questions[(from + at) % questions.length] as Asked)) allowed += 1
      return allowed
    },
  }
}

function conditionOf(role: string, permission: string): string {
  const condition = CONDITIONS[`${role} ${permission}`]
  if (condition === undefined) throw new Error(`The condition of ${role} on ${permission} has no words of casbin here`)
  return condition
}
