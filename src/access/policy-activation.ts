/** Brings a policy revision into force on all replicas: kept and prepared everywhere first, then flipped at one feed position. Floor 3. */
import type { Log } from '../ground/log.ts'
import type { ChangeContext } from '../model/administration.ts'
import { POLICY_PREPARE_WAIT_MS_MAX } from '../model/limits.ts'
import type { Store } from '../store/ports.ts'
import type { Acknowledgement } from './acknowledge.ts'
import { changeBy, recordApplied } from './change.ts'

export interface ActivationNeeds {
  readonly store: Pick<Store, 'change'>
  readonly acknowledgement: Acknowledgement
  /** This replica's own reading of the feed. */
  readonly catchUp: () => Promise<void>
  readonly log: Log
}

export interface KeptRevision {
  readonly revision: string
  /** Canonical JSON. */
  readonly content: string
}

/**
 * All steps, one after the other. Asked by many replicas at once for the same revision it is activated once and audited once.
 * @param source where the content came from, for the record
 * @returns the position from which on answers are by this revision, or a later one; all replicas have reached it
 * @throws StoreError nothing was activated, or, when the connection was lost at the commit, nobody knows: asking again is safe
 */
export async function activatePolicy(needs: ActivationNeeds, kept: KeptRevision, source: string, context: ChangeContext): Promise<number> {
  if (await publishRevision(needs, kept, source)) await waitUntilPrepared(needs, kept.revision)
  const { position } = await flipPolicy(needs, kept.revision, context)
  return position
}

/** Keeps the content and tells every replica to prepare it. Decides nothing. @returns false when it is in force already: nothing was written then */
export async function publishRevision(needs: ActivationNeeds, { revision, content }: KeptRevision, source: string): Promise<boolean> {
  const published = await needs.store.change(async (transaction) => {
    if ((await transaction.findActiveRevisionName()) === revision) return false
    await transaction.insertRevision(revision, content, source)
    await transaction.appendFeed([{ kind: 'revision', revision }])
    return true
  })
  if (published) needs.acknowledgement.announce()
  return published
}

/** A replica that is not done in time is told in the log and left behind: it answers nothing past the activation before it has the revision. */
export async function waitUntilPrepared({ acknowledgement, log }: ActivationNeeds, revision: string): Promise<void> {
  // A report names the last one only, and another revision may be published meanwhile.
  const seen = new Set<string>()
  const missing = await acknowledgement.waitForReplicas((replica) => {
    if (replica.preparedRevision === revision || replica.policyRevision === revision) seen.add(replica.id)
    return seen.has(replica.id)
  }, POLICY_PREPARE_WAIT_MS_MAX)
  if (missing.length > 0)
    log.warn(
      { revision, replicas: missing.map((replica) => replica.id) },
      'replicas have not prepared the policy revision; it is activated all the same',
    )
}

/**
 * Puts a kept revision in force, unless it is already, and waits until no replica answers by the one before.
 * @throws StoreError as `activatePolicy`
 */
export async function flipPolicy(
  { store, acknowledgement, catchUp }: ActivationNeeds,
  revision: string,
  context: ChangeContext,
): Promise<{ readonly position: number; readonly changed: boolean }> {
  const flipped = await changeBy({ store }, context, async (change) => {
    const { transaction } = change
    const before = await transaction.findActiveRevisionName()
    // Who activated it may be waiting still, so this waits as well.
    if (before === revision) return { position: await transaction.readPosition(), changed: false }
    await transaction.activateRevision(revision, context.caller.id)
    const position = await recordApplied(
      change,
      {
        action: 'policy.activate',
        target: revision,
        before: before === undefined ? null : { revision: before },
        after: { revision },
      },
      [{ kind: 'policy', revision }],
    )
    return { position, changed: true }
  })
  acknowledgement.announce()
  await Promise.all([
    acknowledgement.effective(flipped.position),
    // It is committed: a feed that cannot be read now is told by its follower, and takes nothing back.
    catchUp().catch(() => undefined),
  ])
  return flipped
}
