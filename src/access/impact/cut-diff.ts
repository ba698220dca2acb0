/** A difference of two policies short enough for one message, and what the gates say when it had to be shortened. Pure. Floor 3. */
import type { PolicyDiff } from '../../model/policy-diff.ts'
import { counted } from '../../policy/words.ts'
import type { Gates } from './gates.ts'

export interface CutDiff {
  readonly diff: PolicyDiff
  /** Entries and grants that are not in it. */
  readonly leftOut: number
}

/** Grants last: they are what there are many of. */
export function cutDiff(whole: PolicyDiff, bytesMax: number): CutDiff {
  const room = new Room(bytesMax)
  const { constraints, reserved, permissions, roles } = whole
  const cut = {
    constraints: {
      removed: room.take(constraints.removed),
      changed: room.take(constraints.changed),
      added: room.take(constraints.added),
    },
    permissions: {
      removed: room.take(permissions.removed),
      renamed: room.take(permissions.renamed),
      changed: room.take(permissions.changed),
      added: room.take(permissions.added),
    },
    reserved: { removed: room.take(reserved.removed), added: room.take(reserved.added) },
    roles: {
      removed: room.takeRoles(roles.removed, ['grants']),
      changed: room.takeRoles(roles.changed, ['lost', 'gained', 'changed', 'reasons']),
      added: room.takeRoles(roles.added, ['grants']),
    },
  }
  // In the order in which differences are written elsewhere.
  return {
    diff: { permissions: cut.permissions, reserved: cut.reserved, roles: cut.roles, constraints: cut.constraints },
    leftOut: room.leftOut,
  }
}

/** Fail closed: what was not sent cannot be shown to be harmless. Counts of people are whole all the same. */
export function unseenFaults(leftOut: number, gates: Pick<Gates, 'protected' | 'requireApprovalFor' | 'approved'>): readonly string[] {
  const needsApproval = gates.requireApprovalFor.length > 0 && (gates.approved === undefined || gates.approved.trim() === '')
  const unsure = [...(gates.protected.length > 0 ? ['protect'] : []), ...(needsApproval ? ['approval'] : [])]
  if (leftOut === 0 || unsure.length === 0) return []
  return [
    `${unsure.join(', ')}: the two policies differ in too much for one plan, and ${counted(leftOut, 'line')} of it cannot be looked at. Split the change.`,
  ]
}

/** Fills up from the first entry to the one that does not fit; all after it are only counted, so that what is there is a beginning without gaps. */
class Room {
  #bytesLeft: number
  leftOut = 0

  constructor(bytesMax: number) {
    this.#bytesLeft = bytesMax
  }

  take<T>(list: readonly T[]): readonly T[] {
    const kept: T[] = []
    for (const one of list) if (this.#fits(one)) kept.push(one)
    return kept
  }

  /** A role itself without its lists, then these one after the other. */
  takeRoles<T extends object, Key extends keyof T>(
    roles: readonly (T & Readonly<Record<Key, readonly unknown[]>>)[],
    lists: readonly Key[],
  ) {
    const kept: T[] = []
    for (const role of roles) {
      const bare = { ...role, ...Object.fromEntries(lists.map((key) => [key, []])) }
      if (this.#fits(bare)) kept.push({ ...role, ...Object.fromEntries(lists.map((key) => [key, this.take(role[key])])) })
      else for (const key of lists) this.leftOut += role[key].length
    }
    return kept
  }

  #fits(entry: unknown): boolean {
    if (this.#bytesLeft > 0) this.#bytesLeft -= Buffer.byteLength(JSON.stringify(entry)) + 1
    if (this.#bytesLeft > 0) return true
    this.leftOut++
    return false
  }
}
