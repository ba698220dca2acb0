/** Keeps every policy that took force in the database, audited: a restart with broken files finds the last good one there. Floor 5. */
import type { RevisionArchive } from '../policy/load.ts'
import type { Store } from '../store/ports.ts'

/** Who activates what lies in a directory: nobody called, the files changed. */
const SYSTEM = 'system'

export function openPolicyArchive(store: Store): RevisionArchive {
  return {
    activate: ({ revision, content }, source) =>
      store.change(async (transaction) => {
        const before = await transaction.findActiveRevisionName()
        // Every replica reads the same files: the first one records it, the others find it done.
        if (before === revision) return
        await transaction.insertRevision(revision, content, source)
        await transaction.activateRevision(revision, SYSTEM)
        const position = await transaction.appendFeed([{ kind: 'policy' }])
        await transaction.appendAudit({
          action: 'policy.activate',
          result: 'applied',
          actor: SYSTEM,
          actorName: SYSTEM,
          tenant: null,
          user: null,
          target: revision,
          reason: `read from ${source}`,
          before: before === undefined ? null : { revision: before },
          after: { revision },
          position,
          requestId: null,
        })
      }),
    findLast: () => store.records.findActiveRevision(),
  }
}
