/** Very many people for a replica that is measured by itself: ids, roles and a policy, made up from numbers. Pure; keeps none of them. */
import type { PolicyBundle } from '../../src/model/policy.ts'
import { ID_CHARACTERS, type Point } from './points.ts'
import type { StateOf } from './replica.ts'

/** Of which everybody has some; the same for all points, so that policies differ in their permissions alone. */
export const ROLES = 100
/** What all roles grant together at most: beyond it policies are refused. */
const GRANTS_MAX = 100_000

/** Each role grants a tenth of the permissions, as far as policies may grow. */
export function crowdPolicy({ permissions }: Point): PolicyBundle {
  const names = Array.from({ length: permissions }, (_, index) => permissionName(index))
  const each = Math.max(1, Math.min(Math.floor(permissions / 10), Math.floor(GRANTS_MAX / ROLES)))
  return {
    permissions: names.map((name, index) => ({
      ...{ name, code: `w.${index}`, title: name, service: 'bench', owner: 'o@example.org' },
      ...{ risk: 'normal', stage: 'active', attributes: {} },
    })),
    reserved: [],
    roles: Array.from({ length: ROLES }, (_, role) => ({
      ...{ name: roleName(role), title: `${role}`, bundle: 'bench', owner: 'o@example.org', assignable: 'any' },
      grants: Array.from({ length: each }, (_, index) => names[(role * each + index) % permissions] ?? '')
        .sort()
        .map((permission) => ({ permission })),
    })),
    constraints: [],
  }
}

export function permissionName(index: number): string {
  return `work.part-${index}.do`
}

export function userName(number: number): string {
  return `user-${number}-`.padEnd(ID_CHARACTERS, 'u')
}

export function tenantName(number: number): string {
  return `tenant-${number}-`.padEnd(ID_CHARACTERS, 't')
}

/**
 * Parsed anew each time, as what a driver reads: nothing of it is shared with another but by whoever keeps it. Neighbours have other roles, and
 * people with the same ones are many.
 */
export function crowdState(user: string, { rolesEach, attributes }: Point): ReturnType<StateOf> {
  const number = Number(user.split('-')[1])
  // Steps that share no factor with the number of roles, so that no role comes twice.
  const step = STEPS[number % STEPS.length] ?? 1
  const held = Array.from({ length: rolesEach }, (_, index) => {
    const id = `${String(number).padStart(8, '0')}-${String(index).padStart(4, '0')}-4000-8000-${String(number).padStart(12, '0')}`
    return `{"id":"${id}","role":"${roleName((number + index * step) % ROLES)}","validFromMs":${1_700_000_000_000 + number * 1_000 + index},"expiresAtMs":null}`
  })
  const text = `{"tenant":{"suspended":false,"attributes":{}},"user":{"deactivated":false,"attributes":${attributes},"epoch":0},"assignments":[${held.join(',')}]}`
  return JSON.parse(text) as ReturnType<StateOf>
}

const STEPS = [1, 3, 7, 9]

function roleName(role: number): string {
  return `role-${role}`
}
