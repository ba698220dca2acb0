/** A few kilobytes of policy cannot become gigabytes: what names multiply into is counted before it is made. */
import { describe, expect, it } from '@jest/globals'
import {
  GRANTS_MAX,
  POLICY_FAULTS_COLLECTED_MAX,
  POLICY_FAULTS_MAX,
  POLICY_FAULTS_SUGGESTED_MAX,
  POLICY_LIST_MAX,
} from '../../src/model/policy-limits.ts'
import { canonicalJson, parseCanonical } from '../../src/policy/canonical.ts'
import { compilePolicy } from '../../src/policy/compile.ts'
import { parsePolicy } from '../../src/policy/parse-policy.ts'
import { FaultList } from '../../src/policy/source.ts'
import { Tally } from '../../src/policy/tally.ts'

const PERMISSIONS = 1_000
const names = Array.from({ length: PERMISSIONS }, (_, index) => `work.part-${index}`)
const head = (kind: string, metadata: string) => `apiVersion: castellan/v1\nkind: ${kind}\nmetadata: { ${metadata} }\n`
const catalogue = `${head('PermissionCatalogue', 'service: s, owner: o@example.org')}permissions:\n${names
  .map((name, index) => `  ${name}: { code: w.${index}, title: T }\n`)
  .join('')}`
/** Roles that each include all permissions by one set. */
const bundle = (roles: number) =>
  `${head('RoleBundle', 'name: b, owner: o@example.org')}sets: { every: [${names.join(', ')}] }\nroles:\n${Array.from(
    { length: roles },
    (_, index) => `  r${index}: { title: T, include: [every] }\n`,
  ).join('')}`
const read = (roles: number) =>
  parsePolicy([
    { name: 'catalogue.yaml', text: catalogue },
    { name: 'roles.yaml', text: bundle(roles) },
  ])

describe('a bundle', () => {
  it('may grant as much as the limit and nothing more', () => {
    expect(read(GRANTS_MAX / PERMISSIONS).bundle?.roles.flatMap((role) => role.grants)).toHaveLength(GRANTS_MAX)
    expect(read(GRANTS_MAX / PERMISSIONS + 1).bundle).toBeUndefined()
  })

  it('beyond it has no set expanded in the role that crosses it, nor in any after it', () => {
    const { names: known } = read(GRANTS_MAX / PERMISSIONS + 5)
    const expanded = [...known.roles.values()].reduce((sum, role) => sum + role.permissions.size, 0)
    expect(expanded).toBe(GRANTS_MAX)
  })

  it('beyond it that is stored already is still read and compiled: a service that runs must not lose its policy', () => {
    const role = {
      name: 'r',
      title: 'T',
      bundle: 'b',
      owner: 'o',
      assignable: 'any',
      grants: names.map((permission) => ({ permission })),
    } as const
    const { bundle: small } = read(1)
    if (small === undefined) throw new Error('the small bundle is broken')
    const roles = Array.from({ length: GRANTS_MAX / PERMISSIONS + 1 }, (_, index) => ({ ...role, name: `r${index}` }))
    const stored = parseCanonical(canonicalJson({ ...small, roles }))
    expect(compilePolicy(stored).rolesGranting('work.part-0')).toHaveLength(roles.length)
  })
})

describe('a list of faults', () => {
  const at = { file: 'f', line: 1, col: 1 }

  it('keeps the first of each severity, so that warnings without end hide no error', () => {
    const list = new FaultList()
    for (let index = 0; index <= POLICY_FAULTS_COLLECTED_MAX; index++) list.warn(at, 'duplicate-entry', String(index))
    expect([list.hasRoomFor('warning'), list.hasRoomFor('error')]).toEqual([false, true])
    list.error(at, 'invalid-name', 'late')
    expect(list.faults).toHaveLength(POLICY_FAULTS_COLLECTED_MAX + 1)
    expect(list.faults.at(-1)?.message).toBe('late')
    const other = new FaultList()
    other.take([...list.faults, ...list.faults])
    expect(other.faults).toHaveLength(POLICY_FAULTS_COLLECTED_MAX + 2)
  })

  it('asks for suggestions only so often', () => {
    const list = new FaultList()
    let asked = 0
    for (let index = 0; index < POLICY_FAULTS_MAX; index++) list.error(at, 'unknown-role', String(index), () => `hint ${++asked}`)
    expect(asked).toBe(POLICY_FAULTS_SUGGESTED_MAX)
  })
})

describe('a tally', () => {
  it('tells of one crossing only', () => {
    const tally = new Tally(POLICY_LIST_MAX)
    expect([POLICY_LIST_MAX, 0, 1, 1].map((count) => tally.add(count))).toEqual([false, false, true, false])
    expect(tally.isOver).toBe(true)
  })
})
