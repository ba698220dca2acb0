/** Puts decided steps into one transaction, each with its audit row. Decides none of them (rotate.ts). Floor 5. */
import { type AuditedChange, type CallerChange, recordApplied } from '../../access/change.ts'
import type { SealedKey, SigningKeyRecord } from '../../model/identity.ts'
import type { NewSigningKey } from '../../token/signing-key.ts'
import { type KeyStep, PREVIOUS_KEPT_MS } from './rotate.ts'

/** Private part of a key, sealed under another secret. */
export interface Resealing {
  readonly kid: string
  readonly from: string | null
  readonly sealed: Uint8Array
  readonly sealedBy: string
}

/** What the feed calls signing keys: every replica then reads the published ones anew. */
export const SIGNING_KEYS_CALLER = 'signing-keys'

/**
 * Takes the feed position, so it comes last in its transaction, which holds `lockKeys`.
 * @param keys as they are now
 * @param make called once for each key to be created
 */
export async function applySteps(
  change: CallerChange,
  keys: readonly SealedKey[],
  steps: readonly KeyStep[],
  resealings: readonly Resealing[],
  make: () => Promise<NewSigningKey>,
): Promise<number> {
  const { identity } = change.transaction
  const audited: AuditedChange[] = []
  const stateOf = (kid: string) => keys.find((key) => key.kid === kid)?.state ?? null
  for (const { kid, from, sealed, sealedBy } of resealings) {
    await identity.resealKey(kid, sealed, sealedBy)
    audited.push({ action: 'key.reseal', target: kid, before: { sealedBy: from }, after: { sealedBy } })
  }
  for (const step of steps) {
    if (step.do === 'create') {
      const made = await make()
      await identity.insertKey({ ...made, state: step.state })
      const { algorithm, sealedBy } = made
      audited.push({ action: 'key.create', target: made.kid, before: null, after: { state: step.state, algorithm, sealedBy } })
      continue
    }
    const before = { state: stateOf(step.kid) }
    if (step.do === 'retire') {
      await identity.setKeyState(step.kid, 'retired')
      audited.push({ action: 'key.retire', target: step.kid, before, after: { state: 'retired' } })
      continue
    }
    // First: no two keys are current, not even for a moment.
    if (step.replaces !== undefined) await identity.setKeyState(step.replaces, 'previous', PREVIOUS_KEPT_MS)
    await identity.setKeyState(step.kid, 'current')
    const replaced = step.replaces === undefined ? {} : { replaces: step.replaces }
    audited.push({ action: 'key.activate', target: step.kid, before, after: { state: 'current', ...replaced } })
  }
  return await recordApplied(change, audited, [{ kind: 'caller', caller: SIGNING_KEYS_CALLER }])
}

/** What may be shown: the sealed private part goes no further than this. */
export function withoutPrivatePart({
  kid,
  algorithm,
  publicJwk,
  state,
  createdAtMs,
  activatedAtMs,
  retiresAtMs,
}: SealedKey): SigningKeyRecord {
  return { kid, algorithm, publicJwk, state, createdAtMs, activatedAtMs, retiresAtMs }
}
