/** All policy files to one bundle and its tests, or to every fault of every file. Pure: names and texts in. Floor 2. */

import type { PolicyBundle } from '../model/policy.ts'
import { POLICY_ALIASED_NODES_MAX, POLICY_BYTES_MAX, POLICY_FILES_MAX } from '../model/policy-limits.ts'
import { assembleBundle } from './assemble.ts'
import { checkCatalogues, collectCatalogue } from './check-catalogue.ts'
import { checkConstraints } from './check-constraints.ts'
import { checkRoleBundle, checkRoleCount, collectRoles, collectSets } from './check-roles.ts'
import { checkPolicyTests } from './check-tests.ts'
import { compareText, isError, type PolicyFault, sortFaults } from './faults.ts'
import { type Names, openNames } from './names.ts'
import { parseSource } from './parse.ts'
import { type PolicyTest, toPolicyTest } from './policy-test.ts'
import { checkShape, type KnownDocument } from './shape.ts'
import { FaultList, type SourceNode } from './source.ts'
import { Tally } from './tally.ts'

export interface PolicyFile {
  /** Path as faults name it. */
  readonly name: string
  readonly text: string
}

export interface PolicyReading {
  /** Absent when there is any fault of severity error. */
  readonly bundle?: PolicyBundle
  /** Empty when there is no bundle. */
  readonly tests: readonly PolicyTest[]
  /** Errors and warnings, sorted. */
  readonly faults: readonly PolicyFault[]
  /** Where what was given stands, for checks that come after the reading. */
  readonly names: Names
}

/** @param found faults of reading the files, told together with those of their content */
export function parsePolicy(files: readonly PolicyFile[], found: readonly PolicyFault[] = []): PolicyReading {
  const faults = new FaultList()
  const documents = checkBounds(files, faults) ? readDocuments(files, faults) : []
  // A mount that is not there yet, or a file cut to nothing, must not take all rights away.
  if (documents.every((document) => document.kind !== 'PermissionCatalogue') && ![...found, ...faults.faults].some(isError))
    faults.error(
      { file: '.', line: 1, col: 1 },
      'no-policy',
      'there is no permission catalogue',
      'policy files end in .yaml, .yml or .json',
    )
  const names = checkMeaning(documents, faults)
  const all = sortFaults([...found, ...faults.faults])
  if (all.some(isError)) return { tests: [], faults: all, names }
  return { ...assemble(documents), faults: all, names }
}

function checkBounds(files: readonly PolicyFile[], faults: FaultList): boolean {
  const at = { file: '.', line: 1, col: 1 }
  const bytes = files.reduce((sum, file) => sum + Buffer.byteLength(file.text), 0)
  if (files.length > POLICY_FILES_MAX) faults.error(at, 'too-large', `more than ${POLICY_FILES_MAX} policy files`)
  if (bytes > POLICY_BYTES_MAX) faults.error(at, 'too-large', `the policy files together are larger than ${POLICY_BYTES_MAX} bytes`)
  return faults.faults.length === 0
}

function readDocuments(files: readonly PolicyFile[], faults: FaultList): readonly KnownDocument[] {
  const documents: KnownDocument[] = []
  const aliased = new Tally(POLICY_ALIASED_NODES_MAX)
  for (const file of [...files].sort((a, b) => compareText(a.name, b.name))) {
    const parsed = parseSource(file.name, file.text, aliased)
    faults.take(parsed.faults)
    for (const root of parsed.documents) {
      const document = checkShape(root, faults)
      if (document !== undefined) documents.push(document)
    }
  }
  return documents
}

function checkMeaning(documents: readonly KnownDocument[], faults: FaultList): Names {
  const names = openNames()
  const rootsOf = (kind: KnownDocument['kind']): readonly SourceNode[] =>
    documents.filter((document) => document.kind === kind).map((document) => document.root)
  const catalogues = rootsOf('PermissionCatalogue')
  const roleBundles = rootsOf('RoleBundle')
  for (const root of catalogues) collectCatalogue(root, names, faults)
  for (const root of roleBundles) collectSets(root, names, faults)
  for (const root of roleBundles) collectRoles(root, names, faults)
  checkCatalogues(catalogues, names, faults)
  for (const root of roleBundles) checkRoleBundle(root, names, faults)
  checkRoleCount(names, faults)
  checkConstraints(rootsOf('Constraints'), names, faults)
  checkPolicyTests(rootsOf('PolicyTest'), names, faults)
  return names
}

function assemble(documents: readonly KnownDocument[]): { readonly bundle: PolicyBundle; readonly tests: readonly PolicyTest[] } {
  return {
    bundle: assembleBundle({
      catalogues: documents.flatMap((document) => (document.kind === 'PermissionCatalogue' && document.typed ? [document.typed] : [])),
      roleBundles: documents.flatMap((document) => (document.kind === 'RoleBundle' && document.typed ? [document.typed] : [])),
      constraints: documents.flatMap((document) => (document.kind === 'Constraints' && document.typed ? [document.typed] : [])),
    }),
    tests: documents.flatMap((document) =>
      document.kind === 'PolicyTest' && document.typed ? [toPolicyTest(document.typed, document.root)] : [],
    ),
  }
}
