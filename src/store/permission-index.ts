/** Positions of permissions in compact tokens: only ever added to, without gaps. Knows no policy. Floor 2. */
import type { Knex } from 'knex'
import type { PermissionIndexEntry } from '../model/identity.ts'

export async function listPermissionIndex(db: Knex): Promise<readonly PermissionIndexEntry[]> {
  return await db<PermissionIndexEntry>('permission_index').select<PermissionIndexEntry[]>('bit', 'name', 'code').orderBy('bit')
}

export async function extendPermissionIndex(
  db: Knex,
  entries: readonly Omit<PermissionIndexEntry, 'bit'>[],
): Promise<readonly PermissionIndexEntry[]> {
  const known = await listPermissionIndex(db)
  if (missingOf(known, entries).length === 0) return known
  // Against other additions, not against readers. The statement after it sees what was committed while this one waited.
  await db.raw('lock table permission_index in share row exclusive mode')
  const index = await listPermissionIndex(db)
  // Not of a sequence: an addition that is rolled back leaves no gap.
  const added = missingOf(index, entries).map((entry, offset) => ({ ...entry, bit: index.length + offset }))
  if (added.length === 0) return index
  await db.raw(
    `insert into permission_index (bit, name, code)
      select * from unnest(:bits::integer[], :names::text[], :codes::text[])`,
    { bits: added.map((entry) => entry.bit), names: added.map((entry) => entry.name), codes: added.map((entry) => entry.code) },
  )
  return [...index, ...added]
}

/** Each once. */
function missingOf(
  index: readonly PermissionIndexEntry[],
  entries: readonly Omit<PermissionIndexEntry, 'bit'>[],
): readonly Omit<PermissionIndexEntry, 'bit'>[] {
  const seen = new Set(index.map(keyOf))
  const missing: Omit<PermissionIndexEntry, 'bit'>[] = []
  for (const { name, code } of entries) {
    const key = keyOf({ name, code })
    if (!seen.has(key)) missing.push({ name, code })
    seen.add(key)
  }
  return missing
}

function keyOf(entry: Omit<PermissionIndexEntry, 'bit'>): string {
  return JSON.stringify([entry.name, entry.code])
}
