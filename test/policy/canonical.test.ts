/** A revision is the meaning of the files: how they are written, named and ordered changes nothing, what they say does. */
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { packageRoot } from '../../src/ground/package-root.ts'
import type { PolicyBundle } from '../../src/model/policy.ts'
import { canonicalBundle, canonicalJson, canonicalText, parseCanonical, revisionOf } from '../../src/policy/canonical.ts'
import { compilePolicy } from '../../src/policy/compile.ts'
import { PolicyError } from '../../src/policy/faults.ts'
import { loadPolicy } from '../../src/policy/load.ts'
import { parsePolicy } from '../../src/policy/parse-policy.ts'
import { firstCanonicalJson } from './first-canonical.ts'
import { randomBundle } from './random-bundles.ts'

const CATALOGUE = {
  apiVersion: 'castellan/v1',
  kind: 'PermissionCatalogue',
  metadata: { service: 'pay', owner: 'o@example.org' },
  permissions: {
    'pay.create': { code: 'p.c', title: 'Create' },
    'pay.approve': { code: 'p.a', title: 'Approve', risk: 'high', attributes: { by: 'string', amount: 'number' } },
    'pay.read': { code: 'p.r', title: 'Read' },
  },
  reserved: [
    { name: 'pay.print', code: 'p.p', removed: '2026-01-01' },
    { name: 'pay.fax', code: 'p.f', removed: '2026-01-01' },
  ],
}
const ROLES = {
  apiVersion: 'castellan/v1',
  kind: 'RoleBundle',
  metadata: { name: 'pay', owner: 'o@example.org' },
  sets: { desk: ['pay.read'] },
  roles: {
    maker: { title: 'Maker', include: ['desk'], permissions: ['pay.create', 'pay.read'] },
    checker: {
      title: 'Checker',
      permissions: [{ permission: 'pay.approve', when: { by: { $exists: true, $nin: ['x', 'y'] }, amount: { $lte: 10 } } }],
    },
  },
}
const CONSTRAINTS = {
  apiVersion: 'castellan/v1',
  kind: 'Constraints',
  metadata: { name: 'pay', owner: 'o@example.org' },
  constraints: [
    { id: 'a', type: 'max-roles-per-tenant', max: 1, tenants: ['x-*', 'y-*'], enforce: 'reject' },
    { id: 'b', type: 'separation-of-duty', permissions: ['pay.create', 'pay.approve'], max: 1, enforce: 'reject' },
  ],
}
const DOCUMENTS: readonly unknown[] = [CATALOGUE, ROLES, CONSTRAINTS]

function read(files: readonly { name: string; text: string }[]): PolicyBundle {
  const { bundle, faults } = parsePolicy(files)
  if (bundle === undefined) throw new Error(JSON.stringify(faults))
  return bundle
}
const revision = (files: readonly { name: string; text: string }[]) => compilePolicy(read(files)).revision
const REVISION = revision([
  { name: 'a.json', text: JSON.stringify(CATALOGUE) },
  { name: 'b.json', text: JSON.stringify(ROLES) },
  { name: 'c.json', text: JSON.stringify(CONSTRAINTS) },
])

/** Lists whose order has a meaning for a person: which permission a message names first. */
const ORDERED = new Set(['separation-of-duty'])

/** The same value with its keys and meaningless lists in another order. */
function shuffled(value: unknown, next: () => number): unknown {
  const mix = <T>(list: T[]): T[] =>
    list
      .map((item) => ({ item, rank: next() }))
      .sort((a, b) => a.rank - b.rank)
      .map(({ item }) => item)
  if (Array.isArray(value)) return mix(value.map((item) => shuffled(item, next)))
  if (typeof value !== 'object' || value === null) return value
  const ordered = ORDERED.has(String((value as { type?: unknown }).type))
  return Object.fromEntries(
    mix(Object.entries(value)).map(([key, member]) => [key, ordered && key === 'permissions' ? member : shuffled(member, next)]),
  )
}

describe('a revision', () => {
  it('is the same whatever the order of keys, lists, documents and files, their names and comments', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { minLength: 20, maxLength: 20 }), fc.boolean(), fc.lorem(), (ranks, oneFile, comment) => {
        let turn = 0
        const next = () => ((ranks[turn++ % ranks.length] ?? 0) * 7919 + turn * 104_729) % 1_000_003
        const documents = (shuffled(DOCUMENTS, next) as unknown[]).map(
          (document) => `# ${comment}\n${JSON.stringify(document, null, (ranks[0] ?? 0) % 4)}`,
        )
        const files = oneFile
          ? [{ name: `${ranks[1]}.yaml`, text: documents.join('\n---\n') }]
          : documents.map((text, index) => ({ name: `${ranks[index]}/${index}.yaml`, text }))
        expect(revision(files)).toBe(REVISION)
      }),
      { numRuns: 200 },
    )
  })

  it('is another one when anything that is said changes', () => {
    const texts = DOCUMENTS.map((document) => JSON.stringify(document))
    const all = texts.join('\n---\n')
    const changes: [string, string][] = [
      ['"title":"Create"', '"title":"Creates"'],
      ['"risk":"high"', '"risk":"low"'],
      ['"p.c"', '"p.cc"'],
      ['"amount":"number"', '"amount":"number","more":"string"'],
      ['"$lte":10', '"$lte":11'],
      ['["x","y"]', '["x","z"]'],
      ['"desk":["pay.read"]', '"desk":["pay.read","pay.create"]'],
      ['"max":1,"tenants"', '"max":2,"tenants"'],
      ['"y-*"', '"z-*"'],
      ['"removed":"2026-01-01"', '"removed":"2026-01-02"'],
    ]
    const revisions = changes.map(([from, to]) => {
      expect(all).toContain(from)
      return revision([{ name: 'a.yaml', text: all.replace(from, to) }])
    })
    // "desk" with one more permission that the role holds already says nothing new.
    expect(revisions.map((made) => made === REVISION)).toEqual([false, false, false, false, false, false, true, false, false, false])
    expect(new Set(revisions).size).toBe(changes.length)
  })

  it('is that of the first version, of any bundle in any order, whether or not it is canonical already', () => {
    const untidy = randomBundle.chain((bundle) =>
      fc.array(fc.nat(), { minLength: 5, maxLength: 5 }).map((ranks) => {
        let turn = 0
        const next = () => ((ranks[turn++ % ranks.length] ?? 0) * 7919 + turn * 104_729) % 1_000_003
        // Twice each, and some without what a reason needs.
        const roles = bundle.roles.map((role) => {
          const bare = role.grants.map(({ permission, reason }) => ({ permission, ...(reason === undefined ? {} : { reason }) }))
          return { ...role, grants: [...role.grants, ...role.grants, ...bare.slice(0, (ranks[0] ?? 0) % 3)] }
        })
        return shuffled({ ...bundle, roles }, next) as PolicyBundle
      }),
    )
    fc.assert(
      fc.property(fc.oneof(randomBundle, untidy), (bundle) => {
        expect(canonicalJson(bundle)).toBe(firstCanonicalJson(bundle))
        expect(canonicalText(canonicalBundle(bundle))).toBe(firstCanonicalJson(bundle))
      }),
      { numRuns: 500 },
    )
  })

  it('is 64 hex digits, the SHA-256 of the canonical text', () => {
    const bundle = read([{ name: 'a.yaml', text: DOCUMENTS.map((document) => JSON.stringify(document)).join('\n---\n') }])
    expect(revisionOf(canonicalJson(bundle))).toBe(REVISION)
    expect(REVISION).toMatch(/^[0-9a-f]{64}$/)
  })

  it('is not changed by policy tests', () => {
    const tests = '{apiVersion: castellan/v1, kind: PolicyTest, metadata: {name: t}, people: {}, tests: []}'
    expect(
      revision([
        ...DOCUMENTS.map((document, index) => ({ name: `${index}.yaml`, text: JSON.stringify(document) })),
        { name: 't.yaml', text: tests },
      ]),
    ).toBe(REVISION)
  })
})

describe('a stored revision', () => {
  it('reads back as the bundle it was, to the same revision', async () => {
    const { bundle } = await loadPolicy(join(packageRoot(), 'policies'))
    if (bundle === undefined) throw new Error('the samples are broken')
    const text = canonicalJson(bundle)
    expect(parseCanonical(text)).toEqual(bundle)
    expect(compilePolicy(parseCanonical(text)).revision).toBe(revisionOf(text))
  })

  it.each([
    '',
    'null',
    '[]',
    '{}',
    '{"permissions":[],"reserved":[],"roles":[],"constraints":[],"more":1}',
    '{"permissions":[{"name":"a.b"}],"reserved":[],"roles":[],"constraints":[]}',
  ])('that is none is refused: %s', (text) => {
    expect(() => parseCanonical(text)).toThrow(PolicyError)
  })

  it('with a condition that tests nothing is refused', () => {
    const role = { name: 'r', title: 'R', bundle: 'b', owner: 'o', assignable: 'any', grants: [{ permission: 'a.b', when: { x: {} } }] }
    expect(() => parseCanonical(JSON.stringify({ permissions: [], reserved: [], roles: [role], constraints: [] }))).toThrow(PolicyError)
  })
})
