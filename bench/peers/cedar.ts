/** Cedar in WebAssembly: policies parsed once, the principal's entity sent with each question, as its interface wants it. */
import { preparsePolicySet, statefulIsAuthorized } from '@cedar-policy/cedar-wasm/nodejs'
import type { Asked, Facts } from '../facts.ts'
import type { Contender } from '../measure.ts'

/** The conditions of policies/office/roles.yaml in Cedar's words; its numbers are whole ones. */
const CONDITIONS: Readonly<Record<string, string>> = {
  'salesperson sales.quote.send':
    'context has amount && context.amount <= 10000 && context has discountPercent && context.discountPercent <= 15',
  'sales-manager sales.quote.approve':
    'context has region && principal.regions.contains(context.region) && context has createdBy && context.createdBy != principal.id',
  'finance-approver finance.payout.approve': 'context has createdBy && context.createdBy != principal.id',
  'agent agents.ticket.answer': 'context has languages && context.languages.contains("en")',
}
const POLICIES = 'office'
const RESOURCE = { type: 'Thing', id: 'thing' }
const NO_CONTEXT = {}

export function openCedar(facts: Facts, questions: readonly Asked[]): Contender {
  const parsed = preparsePolicySet(POLICIES, { staticPolicies: policyText(facts) })
  if (parsed.type !== 'success') throw new Error(`Cedar refuses the policy: ${JSON.stringify(parsed.errors)}`)
  const known = new Map(
    facts.people.flatMap(({ user, attributes, roles }) =>
      facts.tenants.map((tenant) => {
        const uid = { type: 'User', id: user }
        const parents = (roles[tenant] ?? []).map((role) => ({ type: 'Role', id: role }))
        return [`${tenant} ${user}`, { uid, entities: [{ uid, attrs: { id: user, ...attributes }, parents }] }] as const
      }),
    ),
  )
  return {
    name: 'Cedar wasm',
    ask(from, count) {
      let allowed = 0
      for (let at = 0; at < count; at += 1) {
        const { tenant, user, permission, resource } = questions[(from + at) % questions.length] as Asked
        const principal = known.get(`${tenant} ${user}`)
        if (principal === undefined) continue
        const answer = statefulIsAuthorized({
          principal: principal.uid,
          action: { type: 'Action', id: permission },
          resource: RESOURCE,
          context: resource ?? NO_CONTEXT,
          preparsedPolicySetId: POLICIES,
          entities: principal.entities,
        })
        if (answer.type !== 'success') throw new Error(`Cedar fails: ${JSON.stringify(answer.errors)}`)
        if (answer.response.decision === 'allow') allowed += 1
      }
      return allowed
    },
  }
}

function policyText({ policy }: Facts): string {
  return policy.bundle.roles
    .flatMap(({ name, grants }) => {
      const plain = grants.filter(({ when }) => when === undefined).map(({ permission }) => `Action::"${permission}"`)
      const conditional = grants.filter(({ when }) => when !== undefined)
      return [
        ...(plain.length === 0 ? [] : [`permit(principal in Role::"${name}", action in [${plain.join(', ')}], resource);`]),
        ...conditional.map(({ permission }) => {
          const condition = CONDITIONS[`${name} ${permission}`]
          if (condition === undefined) throw new Error(`The condition of ${name} on ${permission} has no words of Cedar here`)
          return `permit(principal in Role::"${name}", action == Action::"${permission}", resource) when { ${condition} };`
        }),
      ]
    })
    .join('\n')
}
