/** Brings a policy revision into force on all replicas: kept and prepared everywhere first, then flipped at one feed position. Floor 3. */
import type { Log } from '../ground/log.ts'
import type { ChangeContext } from '../model/administration.ts'
import { ServiceError, StoreError } from '../model/error-code.ts'
import { POLICY_PREPARE_WAIT_MS_MAX } from '../model/limits.ts'
import { parseCanonical } from '../policy/canonical.ts'
import { historyFaults } from '../policy/code-history.ts'
import { formatFault, PolicyError } from '../policy/faults.ts'
import type { ChangeTransaction, Store } from '../store/ports.ts'
import type { Acknowledgement } from './acknowledge.ts'
import { type CallerChange, changeBy, recordApplied, recordNoop } from './change.ts'

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
export async function announceRevision(needs: ActivationNeeds, revision: string): Promise<boolean> {
  const announced = await needs.store.change(async (transaction) => {
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
  const told: string[] = []
  const flipped = await changeBy({ store }, context, (change) => {
    // The transaction may have been begun anew.
    told.length = 0
    return flipWithin(change, revision, options, told)
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

async function flipWithin(change: CallerChange, revision: string, options: FlipOptions, told: string[]): Promise<Flipped | undefined> {
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
  await extendIndex(transaction, revision, options.history, told)
  await transaction.activateRevision(revision, context.caller.id)
  const position = await recordApplied(change, audited, [{ kind: 'policy', revision }])
  return { position, changed: true, ...(before === undefined ? {} : { before }) }
}

/** What takes force is from now on part of the history: its names and codes have their one meaning, and their bits in tokens. */
async function extendIndex(
  transaction: ChangeTransaction,
  revision: string,
  history: FlipOptions['history'],
  told: string[],
): Promise<void> {
  if (await transaction.wasActive(revision)) return
  const content = await transaction.findRevision(revision)
  if (content === undefined) throw new StoreError(`The store has no policy revision ${revision}`)
  const bundle = parseCanonical(content)
  const ever = await transaction.identity.extendPermissionIndex([])
  const faults = historyFaults(bundle, ever, dayOf(await transaction.nowMs()))
  if (faults.length > 0 && history !== 'tell') throw new PolicyError(faults)
  told.push(...faults.map(formatFault))
  await transaction.identity.extendPermissionIndex(bundle.permissions.map(({ name, code }) => ({ name, code })))
}

/** In UTC, such as `2026-11-22`. */
export function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}
