/** Faults of meaning in constraints, and roles that break one all by themselves. Floor 2. */
import { CONSTRAINT_PERMISSIONS_MAX, CONSTRAINTS_MAX, FAULT_NAMES_MAX } from '../model/policy-limits.ts'
import { checkName, checkNew, checkPermissionReference, type Names, textItems } from './names.ts'
import { childOf, type FaultList, itemsOf, type SourceNode, textOf } from './source.ts'

export function checkConstraints(roots: readonly SourceNode[], names: Names, faults: FaultList): void {
  const ids = names.constraints
  for (const root of roots)
    for (const node of itemsOf(childOf(root, 'constraints'))) {
      const idNode = childOf(node, 'id')
      const id = textOf(idNode)
      if (idNode !== undefined && id !== undefined) {
        checkName('constraint', id, idNode.at, faults)
        if (checkNew('constraint', id, ids, idNode.at, faults)) ids.set(id, { at: idNode.at })
      }
      checkConstraint(id ?? '', node, names, faults)
    }
  const first = ids.values().next().value
  if (first !== undefined && ids.size > CONSTRAINTS_MAX)
    faults.error(first.at, 'limit-exceeded', `more than ${CONSTRAINTS_MAX} constraints in one bundle`)
}

function checkConstraint(id: string, node: SourceNode, names: Names, faults: FaultList): void {
  const maxNode = childOf(node, 'max')
  const max = maxNode?.kind === 'scalar' && typeof maxNode.value === 'number' ? maxNode.value : undefined
  if (textOf(childOf(node, 'type')) !== 'separation-of-duty') {
    if (maxNode !== undefined && max !== undefined && max < 1)
      faults.error(maxNode.at, 'max-invalid', '"max" must be at least 1: with 0 nobody could hold a role')
    return
  }
  const items = textItems(childOf(node, 'permissions'))
  if (names.constraintPermissions.add(items.length))
    faults.error(
      node.at,
      'limit-exceeded',
      `the constraints together name more than ${CONSTRAINT_PERMISSIONS_MAX} permissions`,
      'few permissions really exclude each other',
    )
  const permissions = new Set<string>()
  for (const { text, at } of items) {
    if (permissions.has(text)) faults.error(at, 'duplicate-entry', `"${text}" stands twice in this list`)
    permissions.add(text)
    checkPermissionReference(text, at, names, faults)
  }
  if (maxNode === undefined || max === undefined || items.length === 0) return
  if (max < 1 || max >= permissions.size) {
    faults.error(
      maxNode.at,
      'max-invalid',
      `"max" must lie between 1 and ${permissions.size - 1}, one less than the permissions`,
      'otherwise the constraint forbids all or nothing',
    )
    return
  }
  if (!names.constraintPermissions.isOver) checkRolesAlone(id, permissions, max, childOf(node, 'tenants') !== undefined, names, faults)
}

function checkRolesAlone(
  id: string,
  permissions: ReadonlySet<string>,
  max: number,
  someTenants: boolean,
  names: Names,
  faults: FaultList,
): void {
  for (const [name, role] of names.roles) {
    if (role.permissions.size <= max || !faults.hasRoomFor(someTenants ? 'warning' : 'error')) continue
    const held = [...permissions].filter((permission) => role.permissions.has(permission))
    if (held.length <= max) continue
    const message = `role "${name}" alone holds ${inShort(held)}, of which constraint "${id}" allows ${max}`
    // Where the constraint holds for some tenants only, the role can still be given in the others.
    if (someTenants) faults.warn(role.at, 'separation-of-duty-broken', message, 'it cannot be given in the tenants of the constraint')
    else faults.error(role.at, 'separation-of-duty-broken', message, 'split the role')
  }
}

function inShort(held: readonly string[]): string {
  const more = held.length - FAULT_NAMES_MAX
  return more > 0 ? `${held.slice(0, FAULT_NAMES_MAX).join(', ')} and ${more} more` : held.join(' and ')
}
