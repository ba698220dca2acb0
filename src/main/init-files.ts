/** The files that `castellan init` writes: small, sound, tested to the last cell, and meant to be changed. Floor 6. */
import { policySchemaJson } from '../policy/schema.ts'

export interface InitFile {
  /** Below the folder of the policy, or below the repository for the workflow. */
  readonly name: string
  readonly text: string
}

const MODELINE = '# yaml-language-server: $schema=./schema.json\n'

const CATALOGUE = `${MODELINE}#
# What can be done, whoever does it. Code asks for these names; roles come and go.
# A code is for life: never changed, never given to another permission. castellan policy codes suggest <name> proposes one.
apiVersion: castellan/v1
kind: PermissionCatalogue
metadata: { service: orders, owner: team-orders@shop.example }
permissions:
  orders.order.read: { code: o.o.r, title: Read orders, risk: low }
  orders.order.create: { code: o.o.c, title: Place an order }
  orders.order.approve:
    code: o.o.a
    title: Approve an order
    risk: high
    # What the calling service sends along, so that roles can make conditions of it.
    attributes: { amount: number, createdBy: string }
# What is removed above moves down here, and never gets a second meaning:
# reserved:
#   - { name: orders.order.print, code: o.o.p, removed: 2026-01-31 }
`

const ROLES = `${MODELINE}#
# Who may do what. A person holds any number of roles in a tenant and may do what any of them allows.
apiVersion: castellan/v1
kind: RoleBundle
metadata: { name: shop, owner: team-orders@shop.example }
sets:
  # Shared lists. Sets cannot be given to people.
  order-desk: [orders.order.read]
roles:
  clerk:
    title: Clerk
    include: [order-desk]
    permissions: [orders.order.create]

  approver:
    title: Approves orders
    include: [order-desk]
    permissions:
      - permission: orders.order.approve
        # $ne alone would also hold for an order without a writer; $exists says that there must be one.
        when: { amount: { $lte: 10000 }, createdBy: { $exists: true, $ne: { $var: user.id } } }
        reason: Up to 10,000, and never one's own order

  # Given while somebody is away: it ends by itself.
  clerk-cover:
    title: Stands in for a clerk
    assignable: temporary
    maxGrant: P14D
    include: [order-desk]
    permissions: [orders.order.create]
`

const CONSTRAINTS = `${MODELINE}#
# What must never come together, by whatever roles. Checked when a role is given, and for each role by itself.
apiVersion: castellan/v1
kind: Constraints
metadata: { name: shop, owner: team-orders@shop.example }
constraints:
  - id: order-four-eyes
    type: separation-of-duty
    permissions: [orders.order.create, orders.order.approve]
    max: 1
    enforce: reject
`

const TESTS = `${MODELINE}#
# Run with: castellan policy test. "exactly" fails when a role gains or loses anything.
apiVersion: castellan/v1
kind: PolicyTest
metadata: { name: shop }
now: 2026-01-15T10:00:00Z
people:
  ann: { roles: [clerk] }
  bob: { roles: [approver] }
  cleo: { grants: [{ role: clerk-cover, from: 2026-01-12T08:00:00Z, until: 2026-01-19T08:00:00Z }] }
  nobody: {}
tests:
  - name: a clerk holds exactly these
    person: ann
    exactly: [orders.order.read, orders.order.create]
  - name: an approver holds exactly these
    person: bob
    exactly: [orders.order.read, orders.order.approve]
  - name: an approver approves the orders of others, up to the limit
    person: bob
    cases:
      - { permission: orders.order.approve, resource: { amount: 10000, createdBy: ann }, expect: allow }
      - { permission: orders.order.approve, resource: { amount: 10001, createdBy: ann }, expect: deny, reason: CONDITION_FAILED }
      - { permission: orders.order.approve, resource: { amount: 10, createdBy: bob }, expect: deny, reason: CONDITION_FAILED }
      - { permission: orders.order.approve, resource: { amount: 10 }, expect: deny, reason: ATTRIBUTE_MISSING }
      - { permission: orders.order.approve, expect: deny, reason: RESOURCE_REQUIRED }
  - name: who stands in for a clerk holds exactly these
    person: cleo
    exactly: [orders.order.read, orders.order.create]
  - name: standing in ends by itself, to the second
    person: cleo
    now: 2026-01-19T08:00:00Z
    exactly: []
    cases: [{ permission: orders.order.create, expect: deny, reason: ASSIGNMENT_EXPIRED }]
  - name: without a role there is nothing
    person: nobody
    exactly: []
`

/** All in one folder, so that one modeline fits them all. */
export function policyStarterFiles(): readonly InitFile[] {
  return [
    { name: 'catalogue.yaml', text: CATALOGUE },
    { name: 'roles.yaml', text: ROLES },
    { name: 'constraints.yaml', text: CONSTRAINTS },
    { name: 'shop.test.yaml', text: TESTS },
    { name: 'schema.json', text: policySchemaJson() },
  ]
}

/** What a path filter of a workflow takes for more than itself. */
const FILTER_SIGNS = /[\\*?+[\]!]/g

/** @param policies folder of the policy files, as the repository sees it */
export function workflowStarterFile(policies: string): InitFile {
  // Inside quotes of YAML any path is one text.
  const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`
  const filter = policies === '.' ? '**' : `${policies.replace(FILTER_SIGNS, '\\$&')}/**`
  return {
    name: '.github/workflows/castellan.yml',
    text: `# Each pull request that touches the policy is validated and tested, and told what it would do to people.
name: castellan
on:
  pull_request:
    paths: [${quoted(filter)}, '.github/workflows/castellan.yml']
permissions:
  contents: read
  pull-requests: write
jobs:
  policy:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: castellan-authz/castellan/action@v0
        with:
          policies: ${quoted(policies)}
          # The plan asks the service that knows who holds what. Without these two, files are validated and tested only.
          url: \${{ vars.CASTELLAN_URL }}
          key: \${{ secrets.CASTELLAN_PLAN_KEY }}
`,
  }
}
