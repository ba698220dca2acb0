/** Sound documents to one bundle: sets expanded, defaults filled, short forms written out. Finds no faults. Floor 2. */
import type {
  AttributeTest,
  Condition,
  Constraint,
  PermissionEntry,
  PolicyBundle,
  RoleEntry,
  RoleGrant,
  Scalar,
  Tombstone,
  Variable,
} from '../model/policy.ts'
import { canonicalBundle, canonicalGrants } from './canonical.ts'
import { parseDurationMs } from './grammar.ts'
import type { CatalogueDocument, ConstraintsDocument, RoleBundleDocument } from './schema.ts'

export interface SoundDocuments {
  readonly catalogues: readonly CatalogueDocument[]
  readonly roleBundles: readonly RoleBundleDocument[]
  readonly constraints: readonly ConstraintsDocument[]
}

export function assembleBundle({ catalogues, roleBundles, constraints }: SoundDocuments): PolicyBundle {
  const sets = new Map(roleBundles.flatMap((bundle) => Object.entries(bundle.sets)))
  return canonicalBundle({
    permissions: catalogues.flatMap(toPermissions),
    reserved: catalogues.flatMap((catalogue): readonly Tombstone[] => catalogue.reserved),
    roles: roleBundles.flatMap((bundle) => toRoles(bundle, sets)),
    constraints: constraints.flatMap((document) => document.constraints.map(toConstraint)),
  })
}

function toPermissions(catalogue: CatalogueDocument): readonly PermissionEntry[] {
  const { service, owner } = catalogue.metadata
  return Object.entries(catalogue.permissions).map(([name, entry]) => ({ ...entry, name, service, owner }))
}

function toRoles(bundle: RoleBundleDocument, sets: ReadonlyMap<string, readonly string[]>): readonly RoleEntry[] {
  return Object.entries(bundle.roles).map(([name, role]) => {
    const maxGrantMs = role.maxGrant === undefined ? undefined : parseDurationMs(role.maxGrant)
    const included = role.include.flatMap((set) => sets.get(set) ?? []).map((permission): RoleGrant => ({ permission }))
    const direct = role.permissions.map((grant): RoleGrant => (typeof grant === 'string' ? { permission: grant } : toGrant(grant)))
    return {
      name,
      title: role.title,
      bundle: bundle.metadata.name,
      owner: bundle.metadata.owner,
      assignable: role.assignable,
      ...(maxGrantMs === undefined ? {} : { maxGrantMs }),
      grants: canonicalGrants([...included, ...direct]),
    }
  })
}

function toGrant({
  permission,
  when,
  reason,
}: {
  readonly permission: string
  readonly when?: unknown
  readonly reason?: string
}): RoleGrant {
  if (when === undefined) return { permission }
  return { permission, when: toCondition(when as WrittenCondition), ...(reason === undefined ? {} : { reason }) }
}

/** As validation let it through: see check-condition.ts. */
type WrittenCondition = Readonly<Record<string, Scalar | Variable | AttributeTest>>

function toCondition(written: WrittenCondition): Condition {
  return Object.fromEntries(Object.entries(written).map(([attribute, test]) => [attribute, toTest(test)]))
}

function toTest(written: Scalar | Variable | AttributeTest): AttributeTest {
  if (typeof written !== 'object') return { $eq: written }
  return '$var' in written ? { $eq: written } : written
}

function toConstraint(written: ConstraintsDocument['constraints'][number]): Constraint {
  const { enforce: _alwaysReject, ...constraint } = written
  return constraint
}
