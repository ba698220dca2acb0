/** Policy tests as data, ready to run (see decision/policy-test.ts). Floor 2. */
import type { Attributes } from '../model/condition.ts'
import type { Reason } from '../model/decision.ts'
import type { PolicyTestDocument } from './schema.ts'
import { childOf, itemsOf, type SourceNode } from './source.ts'

/** All tests of one document. */
export interface PolicyTest {
  readonly name: string
  readonly file: string
  readonly people: ReadonlyMap<string, TestPerson>
  /** Attributes of tenants; one that is not named has none. */
  readonly tenants: ReadonlyMap<string, Attributes>
  readonly tests: readonly TestOfPerson[]
}
export interface TestPerson {
  readonly attributes: Attributes
  /** Roles without an end have `fromMs` -Infinity and no `untilMs`. */
  readonly holds: readonly { readonly role: string; readonly fromMs: number; readonly untilMs: number | null }[]
}
export interface TestOfPerson {
  readonly name: string
  /** Where the test begins, from 1. */
  readonly line: number
  readonly person: string
  readonly tenant: string
  readonly nowMs: number
  /** Roles in force, all of them. */
  readonly roles?: readonly string[]
  /** Permissions held, with or without a condition, all of them. */
  readonly exactly?: readonly string[]
  /** Constraints that what is held at this moment breaks, all of them. Absent: none may be broken, now or later. */
  readonly breaks?: readonly string[]
  readonly cases: readonly TestCase[]
}
export interface TestCase {
  readonly permission: string
  readonly resource?: Attributes
  readonly expect: 'allow' | 'deny'
  readonly reason?: Reason
  readonly line: number
}

/** Where a test names no tenant. */
export const TENANT_DEFAULT = 'test'
/** Where nothing of a test depends on time (validation asks for `now` otherwise). */
const NOW_DEFAULT_MS = Date.UTC(2000, 0, 1)

export function toPolicyTest(document: PolicyTestDocument, root: SourceNode): PolicyTest {
  const tests = itemsOf(childOf(root, 'tests'))
  return {
    name: document.metadata.name,
    file: root.at.file,
    people: new Map(
      Object.entries(document.people).map(([id, { attributes, roles, grants }]) => [
        id,
        {
          attributes,
          holds: [
            ...roles.map((role) => ({ role, fromMs: Number.NEGATIVE_INFINITY, untilMs: null })),
            ...grants.map(({ role, from, until }) => ({
              role,
              fromMs: Date.parse(from),
              untilMs: until === undefined ? null : Date.parse(until),
            })),
          ],
        },
      ]),
    ),
    tenants: new Map(Object.entries(document.tenants).map(([id, { attributes }]) => [id, attributes])),
    tests: document.tests.map(({ name, person, tenant, now, roles, exactly, breaks, cases }, index) => {
      const node = tests[index]
      const caseNodes = itemsOf(childOf(node, 'cases'))
      const moment = now ?? document.now
      return {
        name,
        line: node?.at.line ?? root.at.line,
        person,
        tenant: tenant ?? TENANT_DEFAULT,
        nowMs: moment === undefined ? NOW_DEFAULT_MS : Date.parse(moment),
        ...(roles === undefined ? {} : { roles }),
        ...(exactly === undefined ? {} : { exactly }),
        ...(breaks === undefined ? {} : { breaks }),
        cases: (cases ?? []).map((item, number) => ({ ...item, line: caseNodes[number]?.at.line ?? root.at.line })),
      }
    }),
  }
}
