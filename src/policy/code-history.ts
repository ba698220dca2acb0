/** Holds a candidate against all names and codes that were ever in force: none gets a second meaning, none is forgotten. Pure. Floor 2. */
import type { PermissionEntry, PolicyBundle, Tombstone } from '../model/policy.ts'
import { type PolicyFault, sortFaults } from './faults.ts'
import type { Names } from './names.ts'
import { FaultList, type Place } from './source.ts'

/** A permission as it was once in force. */
export interface NameAndCode {
  readonly name: string
  readonly code: string
}

/** Where the files say what they say. */
export type CataloguePlaces = Pick<Names, 'permissions' | 'codes' | 'retired'>

const NOWHERE: Place = { file: '.', line: 1, col: 1 }

/**
 * `code-reused` and `name-reused` for a permission that takes what another one had, `not-reserved` for one that is gone without a tombstone.
 * A pair that was itself in force is never a fault: installations from before this rule may have a history that contradicts itself.
 * @param history every pair that was ever in force, in any order
 * @param today the day of a tombstone in a hint: `2026-11-22`
 * @param names of the reading that the bundle came from; absent: faults have no place
 */
export function historyFaults(
  bundle: PolicyBundle,
  history: readonly NameAndCode[],
  today: string,
  names?: CataloguePlaces,
): readonly PolicyFault[] {
  const faults = new FaultList()
  const past = openPast(history)
  for (const permission of bundle.permissions) if (!past.has(permission)) checkMeaning(permission, past, names, faults)
  checkReserved(bundle, past, today, names, faults)
  return sortFaults(faults.faults)
}

interface Past {
  readonly pairs: readonly NameAndCode[]
  readonly codesOf: ReadonlyMap<string, readonly string[]>
  readonly namesOf: ReadonlyMap<string, readonly string[]>
  has(pair: NameAndCode): boolean
}

function openPast(history: readonly NameAndCode[]): Past {
  const keyOf = ({ name, code }: NameAndCode): string => JSON.stringify([name, code])
  const pairs = new Map(history.map(({ name, code }) => [keyOf({ name, code }), { name, code }]))
  const codesOf = new Map<string, string[]>()
  const namesOf = new Map<string, string[]>()
  for (const { name, code } of pairs.values()) {
    codesOf.set(name, [...(codesOf.get(name) ?? []), code])
    namesOf.set(code, [...(namesOf.get(code) ?? []), name])
  }
  return { pairs: [...pairs.values()], codesOf, namesOf, has: (pair) => pairs.has(keyOf(pair)) }
}

function checkMeaning({ name, code }: PermissionEntry, past: Past, names: CataloguePlaces | undefined, faults: FaultList): void {
  const at = names?.codes.get(code)?.at ?? names?.permissions.get(name)?.at ?? NOWHERE
  const codes = past.codesOf.get(name)
  if (codes !== undefined)
    faults.error(
      at,
      'name-reused',
      `permission "${name}" was in force with code "${codes.join('" and "')}", not "${code}"`,
      `give it back its code, or give the new permission another name`,
    )
  const others = past.namesOf.get(code)
  if (others !== undefined)
    faults.error(
      at,
      'code-reused',
      `code "${code}" of "${name}" was in force as that of "${others.join('" and "')}"`,
      'give the new permission a code of its own: castellan policy codes suggest',
    )
}

function checkReserved(bundle: PolicyBundle, past: Past, today: string, names: CataloguePlaces | undefined, faults: FaultList): void {
  const permissionNames = new Map(bundle.permissions.map((permission) => [permission.name, permission]))
  const permissionCodes = new Map(bundle.permissions.map((permission) => [permission.code, permission]))
  const tombstoneNames = new Map(bundle.reserved.map((tombstone) => [tombstone.name, tombstone]))
  const tombstoneCodes = new Map(bundle.reserved.map((tombstone) => [tombstone.code, tombstone]))
  for (const pair of past.pairs) {
    const holders = [permissionNames.get(pair.name), permissionCodes.get(pair.code)].filter((one) => one !== undefined)
    const tombstones = [tombstoneNames.get(pair.name), tombstoneCodes.get(pair.code)].filter((one) => one !== undefined)
    // One that holds the name or code by right of the past, or was told of already.
    if (holders.length > 0 || tombstones.some((tombstone) => past.has(tombstone))) continue
    const [tombstone] = tombstones
    if (tombstone === undefined)
      faults.error(
        NOWHERE,
        'not-reserved',
        `permission "${pair.name}" with code "${pair.code}" was in force and is gone`,
        `add under "reserved" of a catalogue:   ${tombstoneLine(pair, today)}`,
      )
    else
      faults.error(
        names?.retired.get(tombstone.name) ?? NOWHERE,
        'not-reserved',
        `permission "${pair.name}" was in force with code "${pair.code}" and is reserved as "${tombstone.name}" with code "${tombstone.code}"`,
        `write under "reserved":   ${tombstoneLine(pair, tombstone.removed)}`,
      )
  }
}

/** The very line of a catalogue. */
function tombstoneLine({ name, code }: NameAndCode, removed: Tombstone['removed']): string {
  return `- { name: ${name}, code: ${code}, removed: ${removed} }`
}
