/** What is sound in a policy and still untidy: nobody uses it, nobody owns it, its time is over. Finds no faults. Floor 2. */
import type { PolicyBundle, RoleEntry } from '../model/policy.ts'
import { type ExcludedRoles, excludedRoles } from './excluded-roles.ts'
import { compareText } from './faults.ts'
import type { Names } from './names.ts'
import type { Place } from './source.ts'
import { counted, listInWords } from './words.ts'

export type LintCode =
  | 'deprecated-in-use'
  | 'removal-overdue'
  | 'owner-missing'
  | 'permission-in-no-role'
  | 'set-in-no-role'
  | 'role-held-by-nobody'
  | 'assignment-of-unknown-role'

export interface LintFinding {
  readonly code: LintCode
  readonly kind: 'permission' | 'role' | 'set' | 'bundle' | 'service'
  readonly name: string
  /** Role bundle or service that it belongs to; absent for what no file has. */
  readonly bundle?: string
  /** Where it is given. */
  readonly at?: Place
  readonly message: string
  readonly hint: string
}

export interface LintReport {
  /** By place, then code. */
  readonly findings: readonly LintFinding[]
  /** No findings: that is what constraints are for. One for each constraint. */
  readonly excluded: readonly ExcludedRoles[]
}

export interface LintInput {
  readonly bundle: PolicyBundle
  readonly names: Pick<Names, 'permissions' | 'roles' | 'sets' | 'setsInUse'>
  /** `2026-11-22`. */
  readonly today: string
  /** Roles that somebody holds now or later; absent: nobody was asked. */
  readonly liveRoles?: readonly string[]
}

export function lintPolicy(input: LintInput): LintReport {
  const findings = [
    ...lintPermissions(input),
    ...lintOwners(input),
    ...lintSets(input),
    ...(input.liveRoles === undefined ? [] : lintLiveRoles(input, new Set(input.liveRoles))),
  ]
  return {
    findings: findings.sort(compareFindings),
    excluded: input.bundle.constraints.map((constraint) => excludedRoles(constraint, input.bundle.roles)),
  }
}

function lintPermissions({ bundle, names, today }: LintInput): readonly LintFinding[] {
  const holders = rolesByPermission(bundle.roles)
  return bundle.permissions.flatMap(({ name, service, stage, deprecated }): readonly LintFinding[] => {
    const about = { kind: 'permission', name, bundle: service, ...placed(names.permissions.get(name)?.at) } as const
    const roles = holders.get(name) ?? []
    // What is closed to everybody waits for its day: it needs no role before.
    if (deprecated === undefined)
      return roles.length > 0 || stage === 'disabled'
        ? []
        : [{ ...about, code: 'permission-in-no-role', message: `no role grants "${name}"`, hint: 'add it to a role, or deprecate it' }]
    const findings: LintFinding[] = []
    const { since, removeAfter, replacedBy } = deprecated
    if (roles.length > 0)
      findings.push({
        ...about,
        code: 'deprecated-in-use',
        message: `"${name}" is deprecated since ${since}, and ${listInWords(roles, 'and')} still ${roles.length === 1 ? 'grants' : 'grant'} it`,
        hint: replacedBy === undefined ? 'take it out of these roles' : `grant "${replacedBy}" in its place`,
      })
    if (removeAfter !== undefined && removeAfter < today)
      findings.push({
        ...about,
        code: 'removal-overdue',
        message: `"${name}" was to be removed after ${removeAfter}`,
        hint: 'remove it and write its name and code under "reserved"',
      })
    return findings
  })
}

/** Answers of people who had to write something: an owner is somebody who can be asked. */
const NOBODY: ReadonlySet<string> = new Set([
  'todo',
  'tbd',
  'tba',
  'none',
  'na',
  'unknown',
  'nobody',
  'noone',
  'owner',
  'fixme',
  'changeme',
  'null',
  'xxx',
  'me',
  '',
])

export function isPlaceholderOwner(owner: string): boolean {
  return NOBODY.has(owner.toLowerCase().replace(/[^\p{L}\p{N}]/gu, ''))
}

/** One finding for each bundle or service, not for each of its roles or permissions. */
function lintOwners({ bundle, names }: LintInput): readonly LintFinding[] {
  const roles = bundle.roles.map(({ name, owner, bundle: of }) => ({ owner, of, at: names.roles.get(name)?.at }))
  const permissions = bundle.permissions.map(({ name, owner, service: of }) => ({ owner, of, at: names.permissions.get(name)?.at }))
  return [...findUnowned('bundle', 'role', roles), ...findUnowned('service', 'permission', permissions)]
}

interface Owned {
  readonly owner: string
  /** Bundle or service. */
  readonly of: string
  readonly at: Place | undefined
}

function findUnowned(kind: 'bundle' | 'service', noun: string, owned: readonly Owned[]): readonly LintFinding[] {
  const unowned = owned.filter(({ owner }) => isPlaceholderOwner(owner))
  // The first in its file: its "metadata" stands not far above.
  const firstOf = new Map([...unowned].sort((a, b) => comparePlaces(b.at, a.at)).map((one) => [one.of, one]))
  return [...firstOf].map(([name, first]) => {
    const count = unowned.filter(({ of }) => of === name).length
    return {
      code: 'owner-missing',
      kind,
      name,
      bundle: name,
      ...placed(first.at),
      message: `${counted(count, noun)} of ${kind} "${name}" ${count === 1 ? 'has' : 'have'} no owner but "${first.owner}"`,
      hint: 'write under "metadata" whom one asks, such as owner: team@example.org',
    }
  })
}

function lintSets({ names }: LintInput): readonly LintFinding[] {
  return [...names.sets].flatMap(([name, { at }]): readonly LintFinding[] =>
    names.setsInUse.has(name)
      ? []
      : [{ code: 'set-in-no-role', kind: 'set', name, at, message: `no role includes set "${name}"`, hint: 'include it, or remove it' }],
  )
}

function lintLiveRoles({ bundle, names }: LintInput, live: ReadonlySet<string>): readonly LintFinding[] {
  const known = new Set(bundle.roles.map((role) => role.name))
  return [
    ...bundle.roles.flatMap((role): readonly LintFinding[] =>
      live.has(role.name)
        ? []
        : [
            {
              code: 'role-held-by-nobody',
              kind: 'role',
              name: role.name,
              bundle: role.bundle,
              ...placed(names.roles.get(role.name)?.at),
              message: `nobody holds role "${role.name}", and nobody will`,
              hint: 'remove it, if it is not waiting for somebody',
            },
          ],
    ),
    ...[...live].flatMap((name): readonly LintFinding[] =>
      known.has(name)
        ? []
        : [
            {
              code: 'assignment-of-unknown-role',
              kind: 'role',
              name,
              message: `role "${name}" is held, and no bundle has it`,
              hint: 'its holders may do nothing by it: revoke it from them, or give the role back',
            },
          ],
    ),
  ]
}

function rolesByPermission(roles: readonly RoleEntry[]): ReadonlyMap<string, readonly string[]> {
  const holders = new Map<string, Set<string>>()
  for (const { name, grants } of roles)
    for (const { permission } of grants) holders.set(permission, (holders.get(permission) ?? new Set()).add(name))
  return new Map([...holders].map(([permission, names]) => [permission, [...names]]))
}

function placed(at: Place | undefined): { readonly at?: Place } {
  return at === undefined ? {} : { at }
}

function compareFindings(a: LintFinding, b: LintFinding): number {
  return comparePlaces(a.at, b.at) || compareText(a.code, b.code) || compareText(a.name, b.name)
}

function comparePlaces(a: Place | undefined, b: Place | undefined): number {
  return compareText(a?.file ?? '', b?.file ?? '') || (a?.line ?? 0) - (b?.line ?? 0)
}
