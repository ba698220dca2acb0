/** What callers load that decide by themselves; gRPC alone carries it. Guarded inside Replication. Floor 5. */
import type { Replication } from '../../access/replication.ts'
import { parseWith } from '../../wire/violations.ts'
import { loadedAccessMessage } from '../translate/access-answers.ts'
import { loadAccessSchema, loadPolicySchema } from '../translate/access-requests.ts'
import type { Operation } from './decision-operations.ts'

export function accessOperations(replication: Pick<Replication, 'load' | 'findPolicy'>) {
  return {
    async LoadAccess(plain, call, form) {
      return loadedAccessMessage(await replication.load(call.caller, parseWith(loadAccessSchema, plain), call.signal), form)
    },
    async LoadPolicy(plain, call) {
      const { revision } = parseWith(loadPolicySchema, plain)
      return { revision, content: await replication.findPolicy(call.caller, revision) }
    },
  } satisfies Readonly<Record<string, Operation>>
}
