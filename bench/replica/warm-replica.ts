/** A replica on rows that are made up when they are asked for: for how it behaves with very many. Opens no wire. */
import type { PolicyBundle } from '../../src/model/policy.ts'
import { compilePolicy } from '../../src/policy/compile.ts'
import { migrate } from '../../src/store/migrations.ts'
import { openDatabase } from '../../src/store/open-database.ts'
import { openReplica, type Replica } from './replica.ts'

/** As JSON of the columns that the statement of a check reads; the position is the replica's to add. */
export type RowText = (tenant: string, user: string) => string

const RESOLVE = /^castellan_resolve/

export async function openWarmReplica(bundle: PolicyBundle, cacheBytes: number, rowText: RowText): Promise<Replica> {
  const real = await openDatabase({ kind: 'pglite' })
  await migrate(real, {})
  let position = 0
  const database: typeof real = {
    ...real,
    queryPrepared: async <R>(name: string | undefined, text: string, values: readonly unknown[]) => {
      if (name === undefined || !RESOLVE.test(name)) return await real.queryPrepared<R>(name, text, values)
      // Parsed anew as a driver does: nothing of one row is shared with another but by whoever keeps it.
      const row = JSON.parse(rowText(String(values[0]), String(values[1]))) as object
      return [{ ...row, position, policy_position: position, read_at_ms: Date.now() } as R]
    },
  }
  const replica = await openReplica({ database, cacheBytes, policy: compilePolicy(bundle) })
  position = replica.position
  return replica
}
