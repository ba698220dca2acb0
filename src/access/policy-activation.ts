/** Brings a policy revision into force on all replicas: kept and prepared everywhere first, then flipped at one feed position. Floor 3. */
import type { Log } from '../ground/log.ts'
import type { ChangeContext } from '../model/administration.ts'
import { ServiceError, StoreError } from '../model/error-code.ts'
import type { PermissionIndexEntry } from '../model/identity.ts'
import { POLICY_PREPARE_WAIT_MS_MAX } from '../model/limits.ts'
import type { PolicyBundle } from '../model/policy.ts'
import { parseCanonical } from '../policy/canonical.ts'
import { historyFaults } from '../policy/code-history.ts'
import { formatFault, PolicyError, type PolicyFault } from '../policy/faults.ts'
import type { ChangeTransaction, Store } from '../store/ports.ts'
import type { Acknowledgement } from './acknowledge.ts'
import { type CallerChange, changeBy, recordApplied, recordNoop } from './change.ts'

export interface ActivationNeeds {
  readonly store: Pick<Store, 'change' | 'records'>
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
 * All steps for what lies in a folder, one after the other. Asked by many replicas at once for the same revision it is activated once and audited once.
 * @param source where the content came from, for the record
 * @returns the position from which on answers are by this revision, or a later one; all replicas have reached it
 * @throws StoreError nothing was activated, or, when the connection was lost at the commit, nobody knows: asking again is safe
 */
export async function activatePolicy(needs: ActivationNeeds, kept: KeptRevision, source: string, context: ChangeContext): Promise<number> {
  if (await publishRevision(needs, kept, source)) await waitUntilPrepared(needs, kept.revision)
  const { position } = await flipPolicy(needs, kept.revision, context, { history: 'tell' })
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

/** The same for content that is kept already. @returns false when it is in force already */
export async function announceRevision(needs: ActivationNeeds, revision: string, context: ChangeContext): Promise<boolean> {
  const announced = await changeBy(needs, context, async ({ transaction }) => {
    if ((await transaction.findActiveRevisionName()) === revision) return false
    await transaction.appendFeed([{ kind: 'revision', revision }])
    return true
  })
  if (announced) needs.acknowledgement.announce()
  return announced
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

export interface FlipOptions {
  /**
   * `tell`: a name or code that gets a second meaning is only told in the log, as for files that somebody works on; absent: it is refused.
   * What was in force once may always be again.
   */
  readonly history?: 'tell'
  /** Runs first, in the same transaction. False: nothing is done. */
  readonly claim?: (transaction: ChangeTransaction) => Promise<boolean>
  /** What must be in force before; another one ends it with `conflict`. Absent: whatever it is. */
  readonly expected?: string
  /** The activation that this one goes back to. */
  readonly restores?: number
  /** Absent: a revision that is in force already leaves no trace, for many replicas find the same files at once. */
  readonly auditNoop?: true
}

export interface Flipped {
  readonly position: number
  readonly changed: boolean
  /** In force until then. */
  readonly before?: string
}

/**
 * Puts a kept revision in force, unless it is already, and waits until no replica answers by the one before.
 * @throws StoreError as `activatePolicy`; PolicyError, ServiceError as the options say
 * @returns `undefined` when it was not claimed
 */
export async function flipPolicy(
  needs: ActivationNeeds,
  revision: string,
  context: ChangeContext,
  options: FlipOptions & { readonly claim: NonNullable<FlipOptions['claim']> },
): Promise<Flipped | undefined>
export async function flipPolicy(
  needs: ActivationNeeds,
  revision: string,
  context: ChangeContext,
  options?: Omit<FlipOptions, 'claim'>,
): Promise<Flipped>
export async function flipPolicy(
  { store, acknowledgement, catchUp, log }: ActivationNeeds,
  revision: string,
  context: ChangeContext,
  options: FlipOptions = {},
): Promise<Flipped | undefined> {
  // Before the transaction, which everybody else's activation waits for: what is kept never changes.
  const bundle = await readBundle(store, revision)
  const told: string[] = []
  const flipped = await changeBy({ store }, context, (change) => {
    // The transaction may have been begun anew.
    told.length = 0
    return flipWithin(change, revision, bundle, options, told)
  })
  if (told.length > 0) log.warn({ revision, faults: told }, 'the policy gives names or codes a second meaning')
  if (flipped === undefined) return undefined
  acknowledgement.announce()
  if (context.wait === false) return flipped
  await Promise.all([
    acknowledgement.effective(flipped.position),
    // It is committed: a feed that cannot be read now is told by its follower, and takes nothing back.
    catchUp().catch(() => undefined),
  ])
  return flipped
}

async function flipWithin(
  change: CallerChange,
  revision: string,
  bundle: PolicyBundle,
  options: FlipOptions,
  told: string[],
): Promise<Flipped | undefined> {
  const { transaction, context } = change
  if (options.claim !== undefined && !(await options.claim(transaction))) return undefined
  const before = await transaction.findActiveRevisionName()
  const audited = {
    action: 'policy.activate',
    target: revision,
    before: before === undefined ? null : { revision: before },
    after: { revision },
  } as const
  // Who activated it may be waiting still, so its position is waited for as well.
  if (before === revision) {
    const position = options.auditNoop ? await recordNoop(change, audited) : await transaction.readPosition()
    return { position, changed: false, before }
  }
  if (options.expected !== undefined && before !== options.expected)
    throw new ServiceError('conflict', 'Another policy revision was activated meanwhile.', { hint: 'Look at it, and ask again.' })
  const faults = await extendIndex(transaction, revision, bundle, options.history)
  told.push(...faults.map(formatFault))
  await transaction.activateRevision(revision, context.caller.id, options.restores)
  await transaction.markIndexed()
  const position = await recordApplied(change, audited, [{ kind: 'policy', revision }])
  return { position, changed: true, ...(before === undefined ? {} : { before }) }
}

/**
 * What takes force is from now on part of the history: its names and codes have their one meaning, and their bits in tokens.
 * @returns faults that are only told
 * @throws PolicyError for a second meaning, unless it was in force once
 */
async function extendIndex(
  transaction: ChangeTransaction,
  revision: string,
  bundle: PolicyBundle,
  history: FlipOptions['history'],
): Promise<readonly PolicyFault[]> {
  const ever = await readHistory(transaction)
  const known = await transaction.wasActive(revision)
  const faults = known ? [] : historyFaults(bundle, ever, dayOf(await transaction.nowMs()))
  if (faults.length > 0 && history !== 'tell') throw new PolicyError(faults)
  await transaction.identity.extendPermissionIndex(pairsOf(bundle))
  return faults
}

/** Every name and code that was ever in force, also of what processes activated that did not know of the index. */
export async function readHistory(transaction: ChangeTransaction): Promise<readonly PermissionIndexEntry[]> {
  const missed = await transaction.listUnindexedRevisions()
  if (missed.length === 0) return await transaction.identity.extendPermissionIndex([])
  // Activations first, then the index: the order in which all take these locks.
  await transaction.findActiveRevisionName()
  for (const revision of missed)
    await transaction.identity.extendPermissionIndex(pairsOf(parseStored(revision, await transaction.findRevision(revision))))
  await transaction.markIndexed()
  return await transaction.identity.extendPermissionIndex([])
}

/** @throws StoreError when it is not kept, or this build cannot read it: another one may */
export async function readBundle(store: ActivationNeeds['store'], revision: string): Promise<PolicyBundle> {
  return parseStored(revision, await store.records.findRevision(revision))
}

function parseStored(revision: string, content: string | undefined): PolicyBundle {
  if (content === undefined) throw new StoreError(`The store has no policy revision ${revision}`)
  try {
    return parseCanonical(content)
  } catch (cause) {
    throw new StoreError(`This build cannot use the stored policy revision ${revision}`, cause)
  }
}

function pairsOf({ permissions }: PolicyBundle): readonly Pick<PermissionIndexEntry, 'name' | 'code'>[] {
  return permissions.map(({ name, code }) => ({ name, code }))
}

/** In UTC, such as `2026-11-22`. */
export function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}
