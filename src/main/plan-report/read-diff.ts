/** The difference of two policies as the wire carries it, read back whole or refused. Floor 6. */
import type { PolicyBundle, RoleGrant } from '../../model/policy.ts'
import type { FieldChange, GrantChange, PolicyDiff, RoleChange } from '../../model/policy-diff.ts'
import { parseCanonical } from '../../policy/canonical.ts'
import { PolicyError } from '../../policy/faults.ts'
import { type Fields, fieldsIn, fieldsOf, listIn, textIn, UnreadablePlanError } from './fields.ts'

/** @throws UnreadablePlanError */
export function readPolicyDiff(value: unknown): PolicyDiff {
  const diff = fieldsOf(value, 'diff')
  const [permissions, reserved] = [fieldsIn(diff, 'permissions'), fieldsIn(diff, 'reserved')]
  const [roles, constraints] = [fieldsIn(diff, 'roles'), fieldsIn(diff, 'constraints')]
  return {
    permissions: {
      added: partsIn(permissions, 'added', 'permissions'),
      removed: partsIn(permissions, 'removed', 'permissions'),
      changed: listIn(permissions, 'changed', (item, at) => {
        const change = fieldsOf(item, at)
        return { name: textIn(change, 'name'), code: textIn(change, 'code'), fields: fieldChangesIn(change) }
      }),
      renamed: listIn(permissions, 'renamed', (item, at) => {
        const rename = fieldsOf(item, at)
        return { before: nameAndCode(fieldsIn(rename, 'before')), after: nameAndCode(fieldsIn(rename, 'after')) }
      }),
    },
    reserved: { added: partsIn(reserved, 'added', 'reserved'), removed: partsIn(reserved, 'removed', 'reserved') },
    roles: {
      added: partsIn(roles, 'added', 'roles'),
      removed: partsIn(roles, 'removed', 'roles'),
      changed: listIn(roles, 'changed', readRoleChange),
    },
    constraints: {
      added: partsIn(constraints, 'added', 'constraints'),
      removed: partsIn(constraints, 'removed', 'constraints'),
      changed: listIn(constraints, 'changed', (item, at) => {
        const change = fieldsOf(item, at)
        return { id: textIn(change, 'id'), before: constraintIn(change, 'before'), after: constraintIn(change, 'after') }
      }),
    },
  }
}

function readRoleChange(value: unknown, at: string): RoleChange {
  const change = fieldsOf(value, at)
  return {
    name: textIn(change, 'name'),
    fields: fieldChangesIn(change),
    gained: grantsOf(change.value['gained'], `${at}.gained`),
    lost: grantsOf(change.value['lost'], `${at}.lost`),
    changed: listIn(change, 'changed', (item, itemAt): GrantChange => {
      const grant = fieldsOf(item, itemAt)
      const permission = textIn(grant, 'permission')
      const side = (name: 'before' | 'after') => conditionsOf(permission, grant.value[name], `${itemAt}.${name}`)
      return { permission, before: side('before'), after: side('after') }
    }),
    reasons: listIn(change, 'reasons', (item, itemAt) => {
      const reason = fieldsOf(item, itemAt)
      return { permission: textIn(reason, 'permission'), before: textIn(reason, 'before'), after: textIn(reason, 'after') }
    }),
  }
}

function fieldChangesIn(fields: Fields): readonly FieldChange[] {
  return listIn(fields, 'fields', (item, at) => {
    const change = fieldsOf(item, at)
    return { field: textIn(change, 'field'), before: textIn(change, 'before'), after: textIn(change, 'after') }
  })
}

function nameAndCode(fields: Fields): { readonly name: string; readonly code: string } {
  return { name: textIn(fields, 'name'), code: textIn(fields, 'code') }
}

const EMPTY = { permissions: [], reserved: [], roles: [], constraints: [] }

/** Entries of a bundle are read by what reads stored bundles: there is one way to read them. */
function partsIn<Part extends keyof PolicyBundle>(fields: Fields, name: string, part: Part): PolicyBundle[Part] {
  return parts(fields.value[name], `${fields.at}.${name}`, part)
}

function parts<Part extends keyof PolicyBundle>(value: unknown, at: string, part: Part): PolicyBundle[Part] {
  if (!Array.isArray(value)) throw new UnreadablePlanError(`${at} is not a list`)
  try {
    return parseCanonical(JSON.stringify({ ...EMPTY, [part]: value }))[part]
  } catch (fault) {
    if (fault instanceof PolicyError) throw new UnreadablePlanError(`${at}: ${fault.faults[0]?.message ?? 'refused'}`)
    throw fault
  }
}

function constraintIn(fields: Fields, name: string): PolicyBundle['constraints'][number] {
  const [constraint] = parts([fields.value[name]], `${fields.at}.${name}`, 'constraints')
  if (constraint === undefined) throw new UnreadablePlanError(`${fields.at}.${name} is not a constraint`)
  return constraint
}

/** Grants stand in roles only, so a role is put around them. */
function grantsOf(value: unknown, at: string): readonly RoleGrant[] {
  const around = { name: '', title: '', bundle: '', owner: '', assignable: 'any', grants: value }
  const [role] = parts([around], at, 'roles')
  return role?.grants ?? []
}

function conditionsOf(permission: string, value: unknown, at: string): GrantChange['before'] {
  if (value === 'always') return 'always'
  if (!Array.isArray(value)) throw new UnreadablePlanError(`${at} is neither "always" nor a list`)
  const grants = grantsOf(
    value.map((when: unknown) => ({ permission, when })),
    at,
  )
  return grants.map(({ when }) => {
    if (when === undefined) throw new UnreadablePlanError(`${at} has a condition that is none`)
    return when
  })
}
