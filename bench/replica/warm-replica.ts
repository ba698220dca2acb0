/** A replica on states that are made up when they are asked for: for how it behaves with very many. Opens no wire. */
import type { PolicyBundle } from '../../src/model/policy.ts'
import { compilePolicy } from '../../src/policy/compile.ts'
import { migrate } from '../../src/store/migrations.ts'
import { openDatabase } from '../../src/store/open-database.ts'
import { openReplica, type Replica, type StateOf } from './replica.ts'

export async function openWarmReplica(bundle: PolicyBundle, cacheBytes: number, stateOf: StateOf): Promise<Replica> {
  const database = await openDatabase({ kind: 'pglite' })
  await migrate(database, {})
  return await openReplica({ database, cacheBytes, policy: compilePolicy(bundle), stateOf })
}
