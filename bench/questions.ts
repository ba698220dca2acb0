/** Questions in the lists in which servers are asked, from the same facts. Asks nobody; what is right to answer, the engine says. */
import { type Asked, type Facts, plainQuestions } from './facts.ts'
import { openEngine } from './peers/engine.ts'

/** What the rule of deciding says, without any wire or store around it. */
export function answersOf(facts: Facts): (asked: Asked) => boolean {
  const table: Asked[] = []
  const engine = openEngine(facts, table)
  return (asked) => {
    table[0] = asked
    return engine.ask(0, 1) === 1
  }
}

/** Each about another person where that can be: `count` of the table, which hold for nobody in particular. */
export function allowedOnes(questions: readonly Asked[], allowed: (asked: Asked) => boolean, count: number): readonly Asked[] {
  const found: Asked[] = []
  const users = new Set<string>()
  for (const asked of questions) {
    if (found.length === count) break
    if (users.has(asked.user) || !allowed(asked)) continue
    users.add(asked.user)
    found.push(asked)
  }
  return found
}

/** Lists of `length` permissions of one person each: Cerbos takes one person a request. None twice before all others were asked. */
export function personLists(facts: Facts, length: number, count: number): readonly (readonly Asked[])[] {
  const names = [...new Set(plainQuestions(facts).map(({ permission }) => permission))].sort()
  return Array.from({ length: count }, (_, list) => {
    const user = facts.people[list % facts.people.length]?.user ?? ''
    const tenant = facts.tenants[list % facts.tenants.length] ?? ''
    return Array.from({ length }, (__, at) => ({ user, tenant, permission: names[(list + at) % names.length] ?? '' }))
  })
}
