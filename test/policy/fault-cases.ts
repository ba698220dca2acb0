/** Runs the cases of fault-cases.yaml: what a case gives, and which lines come of it. Asserts nothing. */
import { mkdir, mkdtemp, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TEXT_CHARACTERS_MAX } from '../../src/model/limits.ts'
import type { PolicyBundle } from '../../src/model/policy.ts'
import {
  CONDITION_ATTRIBUTES_MAX,
  CONDITION_VALUES_MAX,
  CONSTRAINT_PERMISSIONS_MAX,
  CONSTRAINTS_MAX,
  GRANTS_MAX,
  PERMISSIONS_MAX,
  POLICY_ALIASES_MAX,
  POLICY_BYTES_MAX,
  POLICY_DOCUMENTS_MAX,
  POLICY_FILE_BYTES_MAX,
  POLICY_FILES_MAX,
  POLICY_FOLDER_DEPTH_MAX,
  POLICY_LIST_MAX,
  POLICY_NODES_MAX,
  POLICY_TEST_STEPS_MAX,
  ROLES_MAX,
} from '../../src/model/policy-limits.ts'
import { parseCanonical } from '../../src/policy/canonical.ts'
import { historyFaults, type NameAndCode } from '../../src/policy/code-history.ts'
import { compilePolicy } from '../../src/policy/compile.ts'
import { formatFault, isError, PolicyError, type PolicyFault } from '../../src/policy/faults.ts'
import { parsePolicy } from '../../src/policy/parse-policy.ts'
import { readPolicyDirectory } from '../../src/policy/read-directory.ts'

/** Exactly one of the ways to give something; `faults` is what comes of it, all of it. */
export interface FaultCase {
  readonly case: string
  /** A whole file, and nothing beside it. */
  readonly text?: string
  /** Written below the three head lines of its kind, beside base.yaml. */
  readonly catalogue?: string
  readonly roles?: string
  readonly constraints?: string
  readonly tests?: string
  /** In force before base.yaml. */
  readonly history?: readonly NameAndCode[]
  /** The text of a stored revision. */
  readonly stored?: string
  /** Too large, or too strange, to be written down: made by a function below. */
  readonly made?: string
  readonly faults: readonly string[]
}

const HEADS = {
  catalogue: 'apiVersion: castellan/v1\nkind: PermissionCatalogue\nmetadata: { service: more, owner: o@example.org }\n',
  roles: 'apiVersion: castellan/v1\nkind: RoleBundle\nmetadata: { name: more, owner: o@example.org }\n',
  constraints: 'apiVersion: castellan/v1\nkind: Constraints\nmetadata: { name: more, owner: o@example.org }\n',
  tests: 'apiVersion: castellan/v1\nkind: PolicyTest\nmetadata: { name: more }\n',
} as const

export async function faultLines(base: string, one: FaultCase): Promise<readonly string[]> {
  return (await faultsOf(base, one)).map(formatFault)
}

async function faultsOf(base: string, one: FaultCase): Promise<readonly PolicyFault[]> {
  if (one.text !== undefined) return parsePolicy([{ name: 'text.yaml', text: one.text }]).faults
  if (one.history !== undefined) return faultsOfHistory(base, one.history)
  const { stored } = one
  if (stored !== undefined) return refusal(() => parseCanonical(stored))
  if (one.made !== undefined) {
    const make = MADE[one.made]
    if (make === undefined) throw new Error(`nothing makes "${one.made}"`)
    return await make(base)
  }
  const files = (['catalogue', 'roles', 'constraints', 'tests'] as const).flatMap((kind) => {
    const text = one[kind]
    return text === undefined ? [] : [{ name: `${kind}.yaml`, text: HEADS[kind] + text }]
  })
  return parsePolicy([{ name: 'base.yaml', text: base }, ...files]).faults
}

function faultsOfHistory(base: string, history: readonly NameAndCode[]): readonly PolicyFault[] {
  const { bundle, names } = parsePolicy([{ name: 'base.yaml', text: base }])
  if (bundle === undefined) throw new Error('base.yaml is at fault')
  const own = bundle.permissions.filter(({ name, code }) => !history.some((past) => past.name === name || past.code === code))
  return historyFaults(bundle, [...own, ...history], '2026-11-22', names)
}

function refusal(work: () => unknown): readonly PolicyFault[] {
  try {
    work()
  } catch (fault) {
    if (fault instanceof PolicyError) return fault.faults
    throw fault
  }
  return []
}

const text = (content: string): readonly PolicyFault[] => parsePolicy([{ name: 'text.yaml', text: content }]).faults
const many = (count: number, line: (index: number) => string): string => Array.from({ length: count }, (_, index) => line(index)).join('')
const beside = (base: string, name: keyof typeof HEADS, content: string): readonly PolicyFault[] =>
  parsePolicy([
    { name: 'base.yaml', text: base },
    { name: `${name}.yaml`, text: HEADS[name] + content },
  ]).faults
/** Roles that each include the same set, the longest there may be. */
const everySet = (roles: number): string =>
  `sets:\n  every: [${many(POLICY_LIST_MAX, () => 'pay.read, ')}]\nroles:\n${many(roles, (index) => `  r${index}: { title: T, include: [every] }\n`)}`
const grantWhen = (base: string, when: string): readonly PolicyFault[] =>
  beside(base, 'roles', `roles:\n  r:\n    title: R\n    permissions:\n      - permission: pay.approve\n        when: ${when}\n`)

/** @param fill returns what is to be ended after the reading */
async function inFolder(fill: (folder: string) => Promise<(() => Promise<void>) | undefined>): Promise<readonly PolicyFault[]> {
  const folder = await mkdtemp(join(tmpdir(), 'castellan-faults-'))
  let end: (() => Promise<void>) | undefined
  try {
    end = await fill(folder)
    const { files, faults } = await readPolicyDirectory(folder)
    return parsePolicy(files, faults).faults
  } finally {
    await end?.()
    await rm(folder, { recursive: true, force: true })
  }
}

export const MADE: Readonly<Record<string, (base: string) => readonly PolicyFault[] | Promise<readonly PolicyFault[]>>> = {
  'more files than there may be': () =>
    parsePolicy(Array.from({ length: POLICY_FILES_MAX + 1 }, (_, index) => ({ name: `${index}.yaml`, text: '' }))).faults,
  'files that are too large together': () => parsePolicy([{ name: 'text.yaml', text: `# ${'x'.repeat(POLICY_BYTES_MAX)}` }]).faults,
  'a file that is too large': () => text(`# ${'x'.repeat(POLICY_FILE_BYTES_MAX)}`),
  'documents without end': (base) => text(`${base}${'---\n# nothing\n'.repeat(POLICY_DOCUMENTS_MAX)}`),
  'a file nested too deep': () => text('['.repeat(1_000)),
  'values without end behind aliases': () => text(`a: &x [${many(6_000, () => '1, ')}]\nb: [${many(90, () => '*x, ')}]\n`),
  'values without end': () => text(`a: [${'1,'.repeat(POLICY_NODES_MAX)}]\n`),
  'aliases without end': () => text(`a: &x 1\n${many(POLICY_ALIASES_MAX + 1, (index) => `b${index}: *x\n`)}`),
  'depth behind aliases': () => text(`a0: &a0 ${'['.repeat(40)}${']'.repeat(40)}\na1: &a1 ${'['.repeat(40)}*a0${']'.repeat(40)}\n`),
  'no file at all': () => parsePolicy([]).faults,
  'permissions without end': (base) =>
    beside(base, 'catalogue', `permissions:\n${many(PERMISSIONS_MAX + 1, (index) => `  b.p${index}: { code: b.${index}, title: T }\n`)}`),
  'roles without end': (base) => beside(base, 'roles', `roles:\n${many(ROLES_MAX + 1, (index) => `  r${index}: { title: T }\n`)}`),
  'sets included without end': (base) => beside(base, 'roles', everySet(GRANTS_MAX / POLICY_LIST_MAX + 1)).filter(isError),
  'a role given again without end': (base) => {
    const again = `---\n${HEADS.roles}roles:\n  r0: { title: T, include: [every] }\n`
    return beside(base, 'roles', everySet(1) + again.repeat(GRANTS_MAX / POLICY_LIST_MAX)).filter(({ code }) => code === 'limit-exceeded')
  },
  'permissions of constraints without end': (base) => {
    const names = Array.from({ length: CONSTRAINT_PERMISSIONS_MAX / 100 }, (_, index) => `more.p${index}`)
    const catalogue = names.map((name, index) => `  ${name}: { code: m.${index}, title: T }\n`).join('')
    const one = (index: number) =>
      `  - { id: c${index}, type: separation-of-duty, permissions: [${names.join(', ')}], max: 1, enforce: reject }\n`
    return parsePolicy([
      { name: 'base.yaml', text: base },
      { name: 'catalogue.yaml', text: `${HEADS.catalogue}permissions:\n${catalogue}` },
      { name: 'constraints.yaml', text: `${HEADS.constraints}constraints:\n${many(101, one)}` },
    ]).faults
  },
  'a role that breaks a constraint in many ways': (base) => {
    const names = Array.from({ length: 22 }, (_, index) => `more.p${index}`)
    const catalogue = names.map((name, index) => `  ${name}: { code: m.${index}, title: T }\n`).join('')
    const files = {
      catalogue: `permissions:\n${catalogue}`,
      constraints: `constraints:\n  - { id: c, type: separation-of-duty, permissions: [${names.join(', ')}], max: 1, enforce: reject }\n`,
      roles: `roles:\n  r: { title: R, permissions: [${names.join(', ')}] }\n`,
    } as const
    const kinds = ['catalogue', 'constraints', 'roles'] as const
    return parsePolicy([
      { name: 'base.yaml', text: base },
      ...kinds.map((kind) => ({ name: `${kind}.yaml`, text: HEADS[kind] + files[kind] })),
    ]).faults
  },
  'steps of tests without end': (base) => {
    // A case of somebody who is given so many roles is one step each.
    const people = `people:\n  anna: { roles: [${many(ROLES_MAX, () => 'reader, ')}] }\n`
    const cases = many(POLICY_TEST_STEPS_MAX / ROLES_MAX / 2, () => '{ permission: pay.read, expect: allow }, ')
    return beside(base, 'tests', `${people}tests:\n${many(2, (index) => `  - { name: t${index}, person: anna, cases: [${cases}] }\n`)}`)
  },
  'constraints without end': (base) => {
    const list = many(CONSTRAINTS_MAX, (index) => `  - { id: c${index}, type: max-roles-per-tenant, max: 1, enforce: reject }\n`)
    return beside(base, 'constraints', `constraints:\n${list}`)
  },
  'attributes of a permission without end': (base) =>
    beside(
      base,
      'catalogue',
      `permissions:\n  pay.write: { code: p.w, title: W, attributes: { ${many(CONDITION_ATTRIBUTES_MAX + 1, (index) => `a${index}: string, `)} } }\n`,
    ),
  'attributes of a condition without end': () => {
    const names = Array.from({ length: CONDITION_ATTRIBUTES_MAX }, (_, index) => `a${index}`)
    const declared = names.map((name) => `${name}: string`).join(', ')
    const when = ['id', ...names].map((name) => `${name}: x`).join(', ')
    return text(
      `${HEADS.catalogue}permissions:\n  b.read: { code: b.r, title: R, attributes: { ${declared} } }\n---\n${HEADS.roles}roles:\n  r: { title: R, permissions: [{ permission: b.read, when: { ${when} } }] }\n`,
    )
  },
  'values of an operator without end': (base) =>
    grantWhen(base, `{ by: { $in: [${many(CONDITION_VALUES_MAX + 1, (index) => `v${index}, `)}] } }`),
  'a list of sets without end': (base) =>
    beside(base, 'roles', `roles:\n  r: { title: R, include: [${many(ROLES_MAX + 1, () => 'desk, ')}] }\n`).filter(isError),
  'a title without end': (base) =>
    beside(base, 'catalogue', `permissions:\n  pay.write: { code: p.w, title: ${'x'.repeat(TEXT_CHARACTERS_MAX + 1)} }\n`),
  'a folder with more files than there may be': () =>
    inFolder(async (folder) => {
      for (let index = 0; index <= POLICY_FILES_MAX; index++) await writeFile(join(folder, `${index}.yaml`), '')
      return undefined
    }),
  'a folder that is too large': () =>
    inFolder(async (folder) => {
      await writeFile(join(folder, 'a.yaml'), '')
      // A hole: it takes no room.
      await truncate(join(folder, 'a.yaml'), POLICY_BYTES_MAX + 1)
      return undefined
    }),
  'a folder with a file that is too large': () =>
    inFolder(async (folder) => {
      await writeFile(join(folder, 'a.yaml'), '')
      await truncate(join(folder, 'a.yaml'), POLICY_FILE_BYTES_MAX + 1)
      return undefined
    }),
  'folders inside each other without end': () =>
    inFolder(async (folder) => {
      await mkdir(join(folder, ...Array.from({ length: POLICY_FOLDER_DEPTH_MAX }, () => 'd')), { recursive: true })
      return undefined
    }),
  'a folder that is not there': async () => {
    const { files, faults } = await readPolicyDirectory(join(tmpdir(), 'castellan-no-such-folder'))
    return parsePolicy(files, faults).faults
  },
  'a link to a file that is not there': () =>
    inFolder(async (folder) => {
      await symlink(join(folder, 'gone'), join(folder, 'a.yaml'))
      return undefined
    }),
  'a folder that is linked a second time': () =>
    inFolder(async (folder) => {
      await mkdir(join(folder, 'a'))
      await symlink(join(folder, 'a'), join(folder, 'b'))
      return undefined
    }),
  'a folder that changes while it is read': () =>
    inFolder(async (folder) => {
      // So many that a reading takes longer than the next change.
      for (let index = 0; index < 100; index++) await writeFile(join(folder, `${index}.yaml`), '')
      return await changing(folder)
    }),
  'a bundle with a code given twice': (base) => {
    const bundle = bundleOf(base)
    return refusal(() => compilePolicy({ ...bundle, permissions: bundle.permissions.map((one) => ({ ...one, code: 'p.z' })) }))
  },
  'a bundle with a role that grants nothing known': (base) => refusal(() => compilePolicy({ ...bundleOf(base), permissions: [] })),
}

function bundleOf(base: string): PolicyBundle {
  const { bundle } = parsePolicy([{ name: 'base.yaml', text: base }])
  if (bundle === undefined) throw new Error('base.yaml is at fault')
  return bundle
}

/** Gives the file another name again and again. @returns ends it */
async function changing(folder: string): Promise<() => Promise<void>> {
  let name = join(folder, 'a0.yaml')
  await writeFile(name, '')
  let changes = true
  const work = (async () => {
    for (let round = 1; changes; round++) {
      const next = join(folder, `a${round}.yaml`)
      await rename(name, next)
      name = next
    }
  })()
  return () => {
    changes = false
    return work
  }
}
