/** Positions of permissions in compact tokens, as the database keeps them: append-only, the same for all processes. Floor 5. */
import type { CompiledPolicy } from '../../model/compiled-policy.ts'
import type { Store } from '../../store/ports.ts'
import { bitsOf, type PermissionBits } from '../../token/permission-claims.ts'

export interface PermissionIndex {
  /** Has each permission of the policy; those that it lacks are appended. @throws StoreError */
  forPolicy(policy: CompiledPolicy): Promise<PermissionBits>
}

export function openPermissionIndex(store: Pick<Store, 'change' | 'identity'>): PermissionIndex {
  let known: PermissionBits | undefined
  /** The policy whose permissions are all in `known`, and the addition under way for another one. */
  let covered: string | undefined
  let pending: { readonly revision: string; readonly done: Promise<PermissionBits> } | undefined

  async function cover(policy: CompiledPolicy): Promise<PermissionBits> {
    const missingIn = (bits: PermissionBits) => policy.bundle.permissions.filter((entry) => bits.bitOf(entry) === undefined)
    let bits = known ?? bitsOf(await store.identity.listPermissionIndex())
    // Another process may have appended them: only what is missing in the database takes a transaction.
    if (missingIn(bits).length > 0) bits = bitsOf(await store.identity.listPermissionIndex())
    const missing = missingIn(bits)
    if (missing.length > 0) {
      const entries = missing.map(({ name, code }) => ({ name, code }))
      bits = bitsOf(await store.change((transaction) => transaction.identity.extendPermissionIndex(entries)))
    }
    // A longer one may have been read meanwhile for another revision.
    if (known === undefined || bits.version >= known.version) known = bits
    covered = policy.revision
    return bits
  }

  return {
    async forPolicy(policy) {
      if (known !== undefined && covered === policy.revision) return known
      if (pending?.revision !== policy.revision) {
        const begun = { revision: policy.revision, done: cover(policy) }
        pending = begun
        const forget = () => {
          if (pending === begun) pending = undefined
        }
        begun.done.then(forget, forget)
      }
      return await pending.done
    },
  }
}
