/** All faults of all files come at once, each at its line and column. */
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { packageRoot } from '../../src/ground/package-root.ts'
import { formatFault } from '../../src/policy/faults.ts'
import { loadPolicy } from '../../src/policy/load.ts'
import { parsePolicy } from '../../src/policy/parse-policy.ts'

function faultsOf(files: Record<string, string>): string[] {
  return parsePolicy(Object.entries(files).map(([name, text]) => ({ name, text }))).faults.map(formatFault)
}

const CATALOGUE = `
apiVersion: castellan/v1
kind: PermissionCatalogue
metadata: { service: pay, owner: o@example.org }
permissions:
  pay.create: { code: p.c, title: Create }
  pay.read: { code: p.r, title: Read }
  pay.approve:
    code: p.a
    title: Approve
    attributes: { by: string, amount: number, urgent: boolean, tags: 'string[]' }
`
const roles = (yaml: string) => `apiVersion: castellan/v1
kind: RoleBundle
metadata: { name: pay, owner: o@example.org }
${yaml}`
/** Faults of one condition; its column is that of the text after "when: ". */
const conditionFaults = (when: string) =>
  faultsOf({
    'a.yaml': CATALOGUE,
    'b.yaml': roles(`roles:\n  r:\n    title: R\n    permissions:\n      - permission: pay.approve\n        when: ${when}`),
  }).map((fault) => fault.replace('b.yaml:9:', ''))

describe('a folder with ten different mistakes', () => {
  it('gives all ten, sorted, each at its line and column, with a hint', async () => {
    const { bundle, faults } = await loadPolicy(join(packageRoot(), 'test/policy/fixtures/ten-mistakes'))
    expect(bundle).toBeUndefined()
    expect(faults.map(formatFault)).toEqual([
      'catalogue.yaml:8:5 error unknown-key "titel" is no key here — known here: risk, stage, log, deprecated',
      'catalogue.yaml:11:31 error duplicate-code code "s.q.r" is that of "sales.quote.read" — in catalogue.yaml:5',
      'catalogue.yaml:12:3 error name-retired "sales.quote.print" was removed once and gets no second meaning — reserved in catalogue.yaml:14',
      'roles.yaml:5:10 error unknown-permission permission "sales.quote.reed" is in no catalogue — did you mean "sales.quote.read"?',
      'roles.yaml:9:15 error unknown-set set "desc" is in no role bundle — did you mean "desk"?',
      'roles.yaml:11:9 error wildcard-refused "sales.*" has a wildcard — name each permission: a new one must not enter a role by itself',
      'roles.yaml:13:33 error operand-type is a string and the attribute is a number',
      'roles.yaml:13:56 error exists-required $ne also holds for an attribute that is not there — add $exists: true beside it',
      'roles.yaml:14:3 error separation-of-duty-broken role "clerk" alone holds sales.quote.create and sales.quote.read, of which constraint "two-eyes" allows 1 — split the role',
      'roles.yaml:16:15 error max-grant-without-temporary "maxGrant" is only for temporary roles — add "assignable: temporary"',
    ])
  })
})

describe('a catalogue', () => {
  const catalogue = (entry: string) => faultsOf({ 'a.yaml': `${CATALOGUE}  ${entry}\n` })
  it.each([
    ['Pay.Write: { code: p.w, title: W }', 'a.yaml:12:3 error invalid-name'],
    ['pay: { code: p.w, title: W }', 'a.yaml:12:3 error invalid-name'],
    ['all: { code: p.w, title: W }', 'a.yaml:12:3 error reserved-word'],
    ["'*': { code: p.w, title: W }", 'a.yaml:12:3 error reserved-word'],
    ['pay.write: { code: P.W, title: W }', 'a.yaml:12:22 error invalid-code'],
    ['pay.write: { code: pay.read, title: W }', 'a.yaml:12:22 error name-collision'],
    ['pay.write: { code: p.w }', 'a.yaml:12:3 error missing-key "title" is missing'],
    ['pay.write: { code: p.w, title: 7 }', 'a.yaml:12:34 error wrong-type must be text'],
    [
      'pay.write: { code: p.w, title: W, risk: hihg }',
      'a.yaml:12:43 error invalid-value must be one of low, normal, high — did you mean "high"?',
    ],
    ['pay.write: { code: p.w, title: W, attributes: { a: strin } }', 'a.yaml:12:54 error invalid-value'],
    ['pay.write: { code: p.w, title: W, attributes: { id: number } }', 'a.yaml:12:55 error attribute-type'],
    ['pay.write: { code: p.w, title: W, attributes: { constructor: string } }', 'a.yaml:12:51 error invalid-name'],
    [
      'pay.write: { code: p.w, title: W, deprecated: { since: 2026-02-30 } }',
      'a.yaml:12:58 error invalid-value there is no day 2026-02-30',
    ],
    [
      'pay.write: { code: p.w, title: W, deprecated: { since: 2026-02-01, removeAfter: 2026-01-01 } }',
      'a.yaml:12:83 error deprecation-invalid',
    ],
    [
      'pay.write: { code: p.w, title: W, deprecated: { since: 2026-02-01, replacedBy: pay.reat } }',
      'a.yaml:12:82 error unknown-permission',
    ],
    [
      'pay.write: { code: p.w, title: W, deprecated: { since: 2026-02-01, replacedBy: pay.write } }',
      'a.yaml:12:82 error deprecation-invalid',
    ],
  ])('refuses %s', (entry, fault) => {
    const found = catalogue(entry)
    expect(found).toHaveLength(1)
    expect(found[0]).toContain(fault)
  })

  it('finds one name and one code given twice in different files, and says where the first is', () => {
    const again = CATALOGUE.replace('p.c', 'p.x').replace('pay.read', 'pay.raed').replace('pay.approve', 'pay.approve2')
    expect(faultsOf({ 'a.yaml': CATALOGUE, 'b.yaml': again })).toEqual([
      'b.yaml:6:3 error duplicate-name permission "pay.create" is given a second time — first in a.yaml:6',
      'b.yaml:7:21 error duplicate-code code "p.r" is that of "pay.read" — in a.yaml:7',
      'b.yaml:9:11 error duplicate-code code "p.a" is that of "pay.approve" — in a.yaml:9',
    ])
  })

  it('gives a retired code no second meaning, as a code or as a name', () => {
    const text = `${CATALOGUE}  pay.write: { code: p.w, title: W }\n  p.z: { code: pz.z, title: Z }\nreserved: [{ name: pay.old, code: p.w, removed: 2026-01-01 }, { name: pay.older, code: p.z, removed: 2026-01-01 }]`
    expect(faultsOf({ 'a.yaml': text }).map((fault) => fault.split(' ').slice(0, 3).join(' '))).toEqual([
      'a.yaml:12:22 error name-retired',
      'a.yaml:13:3 error name-retired',
    ])
  })
})

describe('a role bundle', () => {
  const fault = (yaml: string) => faultsOf({ 'a.yaml': CATALOGUE, 'b.yaml': roles(yaml) })
  it.each([
    ['roles:\n  pay.admin: { title: A }', 'b.yaml:5:3 error invalid-name'],
    ['roles:\n  manage: { title: A }', 'b.yaml:5:3 error reserved-word'],
    [
      'roles:\n  r: { title: R, permissions: [p.c] }',
      'b.yaml:5:32 error unknown-permission "p.c" is a code — write its name, "pay.create"',
    ],
    ['roles:\n  r: { title: R, permissions: [all] }', 'b.yaml:5:32 error reserved-word'],
    ['roles:\n  r: { title: R, permissions: [7] }', 'b.yaml:5:32 error wrong-type'],
    ['sets:\n  s: [pay.read]\n  t: [s]\nroles: {}', 'b.yaml:6:7 error set-in-set'],
    ['roles:\n  r: { title: R, include: [r] }', 'b.yaml:5:28 error unknown-set set "r" is in no role bundle — it is a role'],
    ['roles:\n  r: { title: R, assignable: temporary, maxGrant: 12h }', 'b.yaml:5:51 error max-grant-invalid'],
    ['roles:\n  r: { title: R, assignable: temporary, maxGrant: PT0H }', 'b.yaml:5:51 error max-grant-invalid'],
    ['roles:\n  r: { title: R, assignable: temporary, maxGrant: P10Y }', 'b.yaml:5:51 error max-grant-invalid'],
    [
      'roles:\n  r: { title: R, permissions: [pay.approve, { permission: pay.approve, when: { by: x } }] }',
      'b.yaml:5:78 error condition-without-effect',
    ],
    [
      'roles:\n  r: { title: R, permissions: [{ permission: pay.approve, wenn: { by: x } }] }',
      'b.yaml:5:59 error unknown-key "wenn" is no key here — known here: when, reason',
    ],
    ['roles:\n  r: { title: R, permissions: [pay.read, pay.read] }', 'b.yaml:5:42 warning duplicate-entry'],
    ['role: {}', 'b.yaml:4:1 error unknown-key "role" is no key here — did you mean "roles"?'],
  ])('refuses %s', (yaml, expected) => {
    expect(fault(yaml).join('\n')).toContain(expected)
  })

  it('warns of a deprecated permission in use and still gives a bundle', () => {
    const deprecated = `${CATALOGUE}  pay.export: { code: p.x, title: X, deprecated: { since: 2026-01-01, replacedBy: pay.read } }\n`
    const { bundle, faults } = parsePolicy([
      { name: 'a.yaml', text: deprecated },
      { name: 'b.yaml', text: roles('roles:\n  r: { title: R, permissions: [pay.export] }') },
    ])
    expect(faults.map(formatFault)).toEqual([
      'b.yaml:5:32 warning deprecated-in-use permission "pay.export" is deprecated — use "pay.read"',
    ])
    expect(bundle?.roles[0]?.grants).toEqual([{ permission: 'pay.export' }])
  })
})

describe('a condition', () => {
  it.each([
    ['{}', '15 error condition-empty'],
    ['{ by: {} }', '21 error condition-empty'],
    ['[by]', '15 error wrong-type'],
    ['{ by: null }', '21 error operand-null'],
    ['{ by: { $eq: null } }', '28 error operand-null'],
    ['{ by: [x] }', '21 error wrong-type'],
    ['{ buy: x }', '17 error attribute-undeclared'],
    ['{ $or: [] }', '17 error operator-misplaced'],
    ['{ by: { $regex: "^(a+)+$" } }', '23 error operator-unknown'],
    ['{ by: { $where: "1" } }', '23 error operator-unknown'],
    ['{ by: { $eqq: x } }', '23 error operator-unknown'],
    ['{ by: { name: x } }', '23 error operator-unknown'],
    ['{ by: { $ne: x } }', '23 error exists-required'],
    ['{ by: { $nin: [x], $exists: false } }', 'error exists-required'],
    ['{ by: { $eq: x, $exists: false } }', '40 error condition-contradiction'],
    ['{ by: { $in: [] } }', '28 error operand-empty'],
    ['{ by: { $in: x } }', '28 error operand-type'],
    ['{ by: { $in: { $var: user.id } } }', '28 error operand-type'],
    ['{ by: { $in: [x, [y]] } }', '32 error operand-type'],
    ['{ by: { $all: [x] } }', '23 error attribute-type'],
    ['{ by: 7 }', '21 error operand-type is a number and the attribute is a string — put it in quotes'],
    ['{ amount: { $gt: x } }', '32 error operand-type'],
    ['{ amount: .nan }', '25 error operand-type'],
    ['{ amount: 12345678901234567890 }', '25 error operand-type'],
    ['{ amount: { $eq: { $var: user.id } } }', '32 error operand-type'],
    ['{ urgent: { $lt: true } }', '27 error attribute-type'],
    ['{ tags: x }', '23 error attribute-type'],
    ['{ tags: { $in: [x] } }', '25 error attribute-type'],
    ['{ tags: { $size: -1 } }', '32 error operand-type'],
    ['{ by: { $exists: 1 } }', '32 error operand-type'],
    ['{ by: { $var: user.name } }', '29 error variable-unknown'],
    ['{ by: { $var: user.attributes } }', '29 error variable-unknown'],
    ['{ by: { $var: resource.id } }', '29 error variable-unknown'],
    ['{ by: { $var: user.id, $eq: x } }', '23 error operator-misplaced'],
    ['{ by: { $eq: { $var: user.id, x: 1 } } }', '28 error operand-type'],
  ])('refuses %s', (when, expected) => {
    expect(conditionFaults(when).join('\n')).toContain(expected)
  })

  it.each([
    '{ by: x }',
    '{ id: x, type: { $in: [a, b] } }',
    '{ by: { $var: user.id } }',
    '{ by: { $exists: false } }',
    '{ by: { $exists: true, $nin: { $var: user.attributes.blocked.people } } }',
    '{ by: { $in: [x, { $var: tenant.id }] } }',
    '{ amount: { $gte: 0, $lt: 10.5 }, urgent: true, tags: { $all: [a], $size: 2 } }',
  ])('takes %s', (when) => {
    expect(conditionFaults(when)).toEqual([])
  })
})

describe('constraints', () => {
  const fault = (constraint: string) =>
    faultsOf({
      'a.yaml': CATALOGUE,
      'c.yaml': `apiVersion: castellan/v1\nkind: Constraints\nmetadata: { name: c, owner: o }\nconstraints:\n  - ${constraint}\n`,
    }).join('\n')
  it.each([
    ['{ id: a, type: separation-of-duty, permissions: [pay.create, pay.read], max: 2, enforce: reject }', 'c.yaml:5:82 error max-invalid'],
    ['{ id: a, type: separation-of-duty, permissions: [pay.create, pay.read], max: 0, enforce: reject }', 'error max-invalid'],
    ['{ id: a, type: separation-of-duty, permissions: [pay.create, pay.reed], max: 1, enforce: reject }', 'error unknown-permission'],
    [
      '{ id: a, type: separation-of-duty, permissions: [pay.create, pay.create, pay.read], max: 1, enforce: reject }',
      'error duplicate-entry',
    ],
    ['{ id: a, type: max-roles-per-tenant, max: 0, enforce: reject }', 'c.yaml:5:47 error max-invalid'],
    ['{ id: a, type: max-roles-per-tenant, max: 1, enforce: warn }', 'c.yaml:5:59 error invalid-value must be "reject"'],
    ['{ id: a, type: max-roles-per-tenat, max: 1, enforce: reject }', 'did you mean "max-roles-per-tenant"?'],
    ['{ id: A, type: max-roles-per-tenant, max: 1, enforce: reject }', 'c.yaml:5:11 error invalid-name'],
    ['{ id: a, type: max-roles-per-tenant, max: 1, tenants: [], enforce: reject }', 'error invalid-value'],
  ])('refuse %s', (constraint, expected) => {
    expect(fault(constraint)).toContain(expected)
  })
})

describe('a policy test', () => {
  const fault = (yaml: string) =>
    faultsOf({
      'a.yaml': CATALOGUE,
      'b.yaml': roles('roles:\n  r: { title: R, permissions: [pay.read] }\n  n: { title: N, assignable: temporary, maxGrant: PT1H }'),
      't.yaml': `apiVersion: castellan/v1\nkind: PolicyTest\nmetadata: { name: t }\n${yaml}`,
    }).join('\n')
  it.each([
    ['people: { ann: { roles: [q] } }\ntests: []', 't.yaml:4:26 error unknown-role'],
    ['people: { ann: { roles: [n] } }\ntests: []', 't.yaml:4:26 error temporary-without-end'],
    ['people: { ann: { grants: [{ role: n, from: 2026-01-01T00:00:00Z }] } }\ntests: []', 'error temporary-without-end'],
    [
      'people: { ann: { grants: [{ role: n, from: 2026-01-01T00:00:00Z, until: 2026-01-01T02:00:00Z }] } }\ntests: []',
      'error grant-too-long',
    ],
    [
      'people: { ann: { grants: [{ role: n, from: 2026-01-01T00:00:00Z, until: 2026-01-01T00:00:00Z }] } }\ntests: []',
      'error window-empty',
    ],
    ['people: { ann: { grants: [{ role: n, from: yesterday }] } }\ntests: []', 'error invalid-value must be an instant such as'],
    ['people: { ann: {} }\ntests: [{ name: a, person: anne, exactly: [] }]', 't.yaml:5:28 error unknown-person'],
    ['people: { ann: {} }\ntests: [{ name: a, person: ann }]', 't.yaml:5:9 error test-empty'],
    ['people: { ann: {} }\ntests: [{ name: a, person: ann, exactly: [pay.reed] }]', 'did you mean "pay.read"?'],
    [
      'people: { ann: {} }\ntests: [{ name: a, person: ann, cases: [{ permission: pay.read, expect: allow, reason: NO_ASSIGNMENT }] }]',
      'error invalid-value',
    ],
    ['people: { ann: {} }\ntests: [{ name: a, person: ann, roles: [] }, { name: a, person: ann, roles: [] }]', 'error duplicate-name'],
    [
      'people: { ann: { grants: [{ role: r, from: 2026-01-01T00:00:00Z }] } }\ntests: [{ name: a, person: ann, roles: [] }]',
      'error now-missing',
    ],
  ])('is refused: %s', (yaml, expected) => {
    expect(fault(yaml)).toContain(expected)
  })
})

describe('documents', () => {
  it.each([
    ['kind: RoleBundel\n', 'x.yaml:1:7 error unknown-kind "RoleBundel" is no kind of policy document — did you mean "RoleBundle"?'],
    ['apiVersion: castellan/v1\n', 'x.yaml:1:1 error missing-key "kind" is missing'],
    ['[]\n', 'x.yaml:1:1 error wrong-type'],
    [
      'apiVersion: castellan/v2\nkind: Constraints\nmetadata: { name: a, owner: o }\nconstraints: []\n',
      'x.yaml:1:13 error invalid-value must be "castellan/v1"',
    ],
  ])('refuses %s', (text, expected) => {
    expect(faultsOf({ 'x.yaml': text }).join('\n')).toContain(expected)
  })

  it('reads the same policy from YAML and from JSON', () => {
    const json = JSON.stringify({
      apiVersion: 'castellan/v1',
      kind: 'PermissionCatalogue',
      metadata: { service: 'pay', owner: 'o' },
      permissions: { 'pay.read': { code: 'p.r', title: 'Read' } },
    })
    const yaml =
      'apiVersion: castellan/v1\nkind: PermissionCatalogue\nmetadata: { service: pay, owner: o }\npermissions: { pay.read: { code: p.r, title: Read } }\n'
    expect(parsePolicy([{ name: 'a.json', text: json }]).bundle).toEqual(parsePolicy([{ name: 'a.yaml', text: yaml }]).bundle)
  })

  it('are wanted: an empty directory is refused, for a mount that is not there yet must not take all rights away', () => {
    expect(faultsOf({})).toEqual(['.:1:1 error no-policy there is no permission catalogue — policy files end in .yaml, .yml or .json'])
    expect(parsePolicy([{ name: 'a.yaml', text: '# nothing\n' }]).bundle).toBeUndefined()
  })

  it('with a role named like a property of every object are read as any other', () => {
    const { bundle, faults } = parsePolicy([
      { name: 'a.yaml', text: CATALOGUE },
      { name: 'b.yaml', text: roles('roles:\n  constructor: { title: C, permissions: [pay.read] }') },
    ])
    expect(faults).toEqual([])
    expect(bundle?.roles.map((role) => role.name)).toEqual(['constructor'])
  })
})
