/** The same facts for everybody: the packaged office policy, two tenants, people with roles, and seeded questions. Asks nobody. */
import { fileURLToPath } from 'node:url'
import type { CompiledPolicy } from '../src/model/compiled-policy.ts'
import { compilePolicy } from '../src/policy/compile.ts'
import { loadPolicy } from '../src/policy/load.ts'

export const OFFICE = fileURLToPath(new URL('../policies/office', import.meta.url))

export interface Person {
  readonly user: string
  readonly attributes: { readonly regions: readonly string[] }
  /** By tenant. */
  readonly roles: Readonly<Record<string, readonly string[]>>
}

export interface Asked {
  readonly user: string
  readonly tenant: string
  readonly permission: string
  readonly resource?: Readonly<Record<string, unknown>>
}

export interface Facts {
  readonly policy: CompiledPolicy
  readonly people: readonly Person[]
  readonly tenants: readonly string[]
}

const TENANTS = ['acme', 'globex']
/** As many as one process asks about within some minutes; all fit into everybody's memory. */
const PEOPLE = 200
/** Long enough that nobody profits from the same answer twice in a row. */
const QUESTIONS = 2_048
const HOLDINGS: readonly (readonly string[])[] = [
  ['salesperson'],
  ['sales-manager'],
  ['finance-clerk'],
  ['finance-approver'],
  ['director'],
  ['agent'],
  ['salesperson', 'agent'],
  ['salesperson', 'finance-clerk'],
  [],
]
const REGIONS = ['north', 'south', 'west', 'east']

export async function loadFacts(): Promise<Facts> {
  const { bundle } = await loadPolicy(OFFICE)
  if (bundle === undefined) throw new Error('The packaged policy has faults: castellan policy validate policies/office')
  const chance = chanceOf(7)
  const people = Array.from({ length: PEOPLE }, (_, number) => ({
    user: `user-${number}`,
    attributes: { regions: REGIONS.filter(() => chance(2) === 0) },
    roles: Object.fromEntries(TENANTS.map((tenant) => [tenant, HOLDINGS[chance(HOLDINGS.length)] ?? []])),
  }))
  return { policy: compilePolicy(bundle), people, tenants: TENANTS }
}

/** What is granted without a condition, and what one of the roles asked about does not hold. */
export function plainQuestions({ policy, people }: Facts): readonly Asked[] {
  const conditional = new Set(
    policy.bundle.roles.flatMap(({ grants }) => grants.flatMap((grant) => (grant.when ? [grant.permission] : []))),
  )
  const names = policy.bundle.permissions.filter(({ name, stage }) => !conditional.has(name) && stage === 'active').map(({ name }) => name)
  const chance = chanceOf(8)
  return Array.from({ length: QUESTIONS }, () => ({
    user: pick(people, chance).user,
    tenant: pick(TENANTS, chance),
    permission: pick(names, chance),
  }))
}

/** Each about a thing: an amount, an owner, a region, a list. */
export function conditionQuestions({ people }: Facts): readonly Asked[] {
  const chance = chanceOf(9)
  return Array.from({ length: QUESTIONS }, () => {
    const { user } = pick(people, chance)
    const createdBy = chance(4) === 0 ? user : pick(people, chance).user
    const amount = chance(20_000)
    const resources = {
      'sales.quote.send': { amount, discountPercent: chance(20) },
      'sales.quote.approve': { amount, region: pick(REGIONS, chance), createdBy },
      'finance.payout.approve': { amount, createdBy },
      'agents.ticket.answer': { languages: chance(2) === 0 ? ['fr'] : ['fr', 'en'], assignedTo: createdBy },
    }
    const permission = pick(Object.keys(resources) as (keyof typeof resources)[], chance)
    return { user, tenant: pick(TENANTS, chance), permission, resource: resources[permission] }
  })
}

function pick<T>(list: readonly T[], chance: Chance): T {
  return list[chance(list.length)] as T
}

type Chance = (below: number) => number

/** Seeded, so that every run asks the same (mulberry32). */
function chanceOf(seed: number): Chance {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((((mixed ^ (mixed >>> 14)) >>> 0) * below) / 0x1_0000_0000) | 0
  }
}
