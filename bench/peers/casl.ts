/** CASL as its guide has it: one ability a person and tenant, built once and kept, its own matcher for conditions. */
import { createMongoAbility, type MongoAbility, type RawRuleOf, subject } from '@casl/ability'
import type { Condition } from '../../src/model/policy.ts'
import type { Asked, Facts, Person } from '../facts.ts'
import type { Contender } from '../measure.ts'

const THING = 'thing'

export function openCasl(facts: Facts, questions: readonly Asked[]): Contender {
  const abilities = new Map<string, MongoAbility>()
  for (const person of facts.people)
    for (const tenant of facts.tenants) abilities.set(`${tenant} ${person.user}`, createMongoAbility(rulesOf(facts, person, tenant)))
  // As an application has its things: of a class or tagged once, not for each question.
  const asked = questions.map(({ resource, ...question }) => ({
    ...question,
    thing: resource === undefined ? THING : subject(THING, { ...resource }),
  }))
  return {
    name: 'CASL alone',
    ask(from, count) {
      let allowed = 0
      for (let at = 0; at < count; at += 1) {
        const { tenant, user, permission, thing } = asked[(from + at) % asked.length] as (typeof asked)[number]
        if (abilities.get(`${tenant} ${user}`)?.can(permission, thing) === true) allowed += 1
      }
      return allowed
    },
  }
}

function rulesOf({ policy }: Facts, person: Person, tenant: string): RawRuleOf<MongoAbility>[] {
  const grants = (person.roles[tenant] ?? []).flatMap((role) => policy.findRole(role)?.grants ?? [])
  return grants.map(({ permission, when }) => ({
    action: permission,
    subject: THING,
    ...(when === undefined ? {} : { conditions: filledIn(when, person) }),
  }))
}

/** CASL has no variables: the rules are made for the person. */
function filledIn(condition: Condition, person: Person): Record<string, unknown> {
  const values: Readonly<Record<string, unknown>> = { 'user.id': person.user, 'user.attributes.regions': person.attributes.regions }
  return JSON.parse(JSON.stringify(condition), (_key, value) =>
    typeof value === 'object' && value !== null && '$var' in value ? values[String(value['$var'])] : value,
  ) as Record<string, unknown>
}
