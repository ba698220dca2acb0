/** Keeps signing keys in time: makes, activates and retires them as they fall due, in any number of processes. Signs nothing itself. Floor 5. */
import type { Acknowledgement } from '../../access/acknowledge.ts'
import { changeBy } from '../../access/change.ts'
import { requireAllTenants, requireScope } from '../../access/guard.ts'
import type { Clock } from '../../ground/clock.ts'
import type { Log } from '../../ground/log.ts'
import type { Random } from '../../ground/random.ts'
import type { Acknowledged, ChangeContext } from '../../model/administration.ts'
import { ServiceError } from '../../model/error-code.ts'
import type { SealedKey, SigningAlgorithm, SigningKeyRecord } from '../../model/identity.ts'
import { KEY_CHECK_INTERVAL_MS, SIGNING_KEYS_MAX } from '../../model/identity-limits.ts'
import type { ChangeTransaction, Store } from '../../store/ports.ts'
import type { IdentitySecrets } from '../../token/secret.ts'
import { generateSigningKey, type NewSigningKey, resealSigningKey, type SigningKey } from '../../token/signing-key.ts'
import { IDENTITY_CALLER } from '../audit.ts'
import type { KeySet } from '../ports.ts'
import { applySteps, type Resealing, withoutPrivatePart } from './apply.ts'
import { publishedKeys } from './key-set.ts'
import { PrivateKeys } from './private-keys.ts'
import { dueSteps, type KeyStep, type KeysAt, rotateAtOnce, rotateEarly } from './rotate.ts'

export type KeyAges = Readonly<Partial<Record<'next' | 'current' | 'previous', number>>>

export interface KeyObserver {
  /** Seconds since the key was activated, or made when it was not; of several, the oldest. A state without a key is absent. */
  keyAges(seconds: KeyAges): void
}

export interface KeyKeeperNeeds {
  readonly store: Pick<Store, 'change' | 'identity'>
  /** As fresh as a check: once a rotation has answered, no replica finds the keys as they were before. */
  readonly findKeys: () => Promise<readonly SigningKeyRecord[]>
  readonly acknowledgement: Pick<Acknowledgement, 'announce' | 'effective'>
  readonly secrets: IdentitySecrets
  /** Of keys that are made from now on; those that are there keep theirs. */
  readonly algorithm: SigningAlgorithm
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly observe: KeyObserver
}

export interface KeyKeeper {
  /** To sign with. @throws StoreError; ServiceError `store_unavailable` when its secret is not at hand */
  current(): Promise<SigningKey>
  /** The current, the next and the previous ones; never a private part. @throws StoreError */
  jwks(): Promise<KeySet>
  /** Why nothing can be signed in this process, as of the last look; absent: it can. Names no secret, but the id of the one that is missing. */
  fault(): string | undefined
  /**
   * `normal`: the next key signs from now on, and what was signed stays good. `emergency`: all that was signed is believed no more.
   * @throws ServiceError `conflict` when the next key is not published for long enough
   */
  rotate(context: ChangeContext, kind: 'normal' | 'emergency'): Promise<Acknowledged<readonly SigningKeyRecord[]>>
  close(): Promise<void>
}

/** The first keys are there when it resolves. @throws StoreError */
export async function openKeyKeeper(needs: KeyKeeperNeeds): Promise<KeyKeeper> {
  const keeper = new Keeper(needs)
  await keeper.check()
  keeper.start()
  return keeper
}

class Keeper implements KeyKeeper {
  readonly #needs: KeyKeeperNeeds
  readonly #private: PrivateKeys
  #currentKid: string | undefined
  #cancel: (() => void) | undefined
  #checking: Promise<void> | undefined
  #closed = false

  constructor(needs: KeyKeeperNeeds) {
    this.#needs = needs
    this.#private = new PrivateKeys(needs.secrets, needs.log)
  }

  async current(): Promise<SigningKey> {
    const found = (await this.#needs.findKeys()).find(({ state }) => state === 'current')
    const kept = found && this.#private.find(found.kid)
    if (kept !== undefined) return kept
    // What the database says now is never older than what was found.
    const kid = (await this.#load()).find(({ state }) => state === 'current')?.kid
    const opened = kid === undefined ? undefined : this.#private.find(kid)
    if (opened !== undefined) return opened
    const cause = kid === undefined ? undefined : this.#private.faultOf(kid)
    const hint = 'An operator finds the cause in the log of the identity service.'
    throw new ServiceError('store_unavailable', 'No key can sign tokens at the moment.', { hint, retryAfterSeconds: 1, cause })
  }

  async jwks(): Promise<KeySet> {
    return publishedKeys(await this.#needs.findKeys())
  }

  fault(): string | undefined {
    return this.#currentKid === undefined ? undefined : this.#private.faultOf(this.#currentKid)?.message
  }

  async rotate(context: ChangeContext, kind: 'normal' | 'emergency'): Promise<Acknowledged<readonly SigningKeyRecord[]>> {
    requireScope(context.caller, 'administer')
    requireAllTenants(context.caller)
    const { acknowledgement } = this.#needs
    const changed = await this.#change(context, kind === 'normal' ? requireEarly : rotateAtOnce)
    if (changed === undefined) throw new Error('A rotation has steps')
    acknowledgement.announce()
    if (context.wait !== false) await acknowledgement.effective(changed.position)
    this.#needs.log.info({ kind, actor: context.caller.id, position: changed.position }, 'signing keys were rotated')
    return { record: changed.keys, changed: true, position: changed.position, effective: context.wait !== false }
  }

  /** One look, and what is due then. */
  async check(): Promise<void> {
    const sealed = await this.#load()
    const { readAtMs: nowMs } = await this.#needs.store.identity.findKeys()
    this.#needs.observe.keyAges(agesOf(sealed, nowMs))
    if (dueSteps(this.#at(sealed, nowMs)).length === 0 && this.#resealings(sealed).length === 0) return
    const changed = await this.#change({ caller: IDENTITY_CALLER }, dueSteps)
    if (changed === undefined) return
    this.#needs.acknowledgement.announce()
    this.#needs.log.info({ position: changed.position }, 'signing keys were brought up to date')
  }

  /** From now on every KEY_CHECK_INTERVAL_MS. A database that is away is no reason to give up: keys are due in weeks. */
  start(): void {
    if (this.#closed) return
    this.#cancel = this.#needs.clock.after(KEY_CHECK_INTERVAL_MS, () => {
      this.#checking = this.check()
        .catch((fault: unknown) => this.#needs.log.error({ err: fault }, 'signing keys could not be looked at; it will be tried again'))
        .then(() => this.start())
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#cancel?.()
    await this.#checking
  }

  async #load(): Promise<readonly SealedKey[]> {
    const sealed = await this.#needs.store.identity.listSealedKeys()
    await this.#private.add(sealed)
    this.#private.keepOnly(sealed)
    this.#currentKid = sealed.find(({ state }) => state === 'current')?.kid
    return sealed
  }

  #at(keys: readonly SealedKey[], nowMs: number): KeysAt {
    return { keys, nowMs, canOpen: (kid) => this.#private.find(kid) !== undefined }
  }

  /** Once more under the lock, by what is there then: another process may have been faster. @returns nothing when nothing was to be done */
  async #change(context: ChangeContext, decide: (at: KeysAt) => readonly KeyStep[]) {
    const { store } = this.#needs
    // An RSA key takes a while to find: not while others wait for the lock. Two are the most that are made at once.
    const made = [await this.#make(), await this.#make()]
    const changed = await changeBy({ store }, context, async (change) => {
      const { transaction } = change
      await transaction.identity.lockKeys()
      const sealed = await transaction.identity.listSealedKeys()
      await this.#private.add(sealed)
      const steps = decide(this.#at(sealed, await transaction.nowMs()))
      requireRoom(sealed, steps)
      const retired = new Set(steps.flatMap((step) => (step.do === 'retire' ? [step.kid] : [])))
      const resealings = this.#resealings(sealed.filter(({ kid }) => !retired.has(kid)))
      if (steps.length === 0 && resealings.length === 0) return undefined
      const supply = [...made]
      const position = await applySteps(change, sealed, steps, resealings, async () => supply.pop() ?? (await this.#make()))
      return { position, keys: (await listKeys(transaction)).map(withoutPrivatePart), nowMs: await transaction.nowMs() }
    })
    await this.#load()
    // Not at the next look: the very first keys would have no age until then.
    if (changed !== undefined) this.#needs.observe.keyAges(agesOf(changed.keys, changed.nowMs))
    return changed
  }

  /** Those of another secret than the first one, which so can be taken away some day. */
  #resealings(sealed: readonly SealedKey[]): readonly Resealing[] {
    const { secrets, random } = this.#needs
    return sealed.flatMap((key) => {
      if (this.#private.find(key.kid) === undefined || !secrets.ids.includes(key.sealedBy ?? '')) return []
      const resealed = resealSigningKey(key, secrets, random)
      return resealed === undefined ? [] : [{ kid: key.kid, from: key.sealedBy, ...resealed }]
    })
  }

  #make(): Promise<NewSigningKey> {
    return generateSigningKey(this.#needs.algorithm, this.#needs.secrets, this.#needs.random)
  }
}

function listKeys(transaction: ChangeTransaction): Promise<readonly SealedKey[]> {
  return transaction.identity.listSealedKeys()
}

function requireEarly(at: KeysAt): readonly KeyStep[] {
  const early = rotateEarly(at)
  if ('steps' in early) return early.steps
  if ('unreadable' in early) {
    throw new ServiceError('conflict', `The secret of the next signing key ${early.unreadable} is not among the settings.`, {
      hint: 'Put it back, or replace the keys by an emergency rotation, after which everybody needs a new access token.',
    })
  }
  throw new ServiceError('conflict', 'The next signing key is not known to all who verify tokens yet.', {
    hint: `Ask again after ${new Date(early.readyAtMs).toISOString()}. If the keys are known to others, use an emergency rotation.`,
  })
}

/** Rotations in a row must not grow what everybody fetches. */
function requireRoom(keys: readonly SealedKey[], steps: readonly KeyStep[]): void {
  const added = steps.filter((step) => step.do === 'create').length - steps.filter((step) => step.do === 'retire').length
  if (added <= 0 || keys.length + added <= SIGNING_KEYS_MAX) return
  throw new ServiceError('conflict', `There are ${keys.length} signing keys already.`, {
    hint: 'Wait until the previous ones are retired.',
  })
}

function agesOf(keys: readonly Pick<SigningKeyRecord, 'state' | 'activatedAtMs' | 'createdAtMs'>[], nowMs: number): KeyAges {
  const ages: Partial<Record<SealedKey['state'], number>> = {}
  for (const { state, activatedAtMs, createdAtMs } of keys) {
    ages[state] = Math.max(ages[state] ?? 0, (nowMs - (activatedAtMs ?? createdAtMs)) / 1_000)
  }
  const { retired: _, ...shown } = ages
  return shown
}
