/** Private parts of signing keys in memory, opened once each. Does not say which of them signs (keeper.ts). Floor 5. */
import type { Log } from '../../ground/log.ts'
import type { SealedKey } from '../../model/identity.ts'
import type { IdentitySecrets } from '../../token/secret.ts'
import { openSigningKey, type SigningKey, SigningKeyError } from '../../token/signing-key.ts'

export class PrivateKeys {
  readonly #secrets: IdentitySecrets
  readonly #log: Log
  readonly #opened = new Map<string, SigningKey>()
  readonly #faults = new Map<string, SigningKeyError>()

  constructor(secrets: IdentitySecrets, log: Log) {
    this.#secrets = secrets
    this.#log = log
  }

  find(kid: string): SigningKey | undefined {
    return this.#opened.get(kid)
  }

  /** Why a key cannot be used; names the id of the secret that is missing. */
  faultOf(kid: string): SigningKeyError | undefined {
    return this.#faults.get(kid)
  }

  /** Opens those that are new. A key without its secret is logged once, and keeps nobody from using the others. */
  async add(keys: readonly SealedKey[]): Promise<void> {
    for (const key of keys) {
      if (this.#opened.has(key.kid)) continue
      try {
        this.#opened.set(key.kid, await openSigningKey(key, this.#secrets))
        this.#faults.delete(key.kid)
      } catch (fault) {
        if (!(fault instanceof SigningKeyError)) throw fault
        const isNew = this.#faults.get(key.kid)?.message !== fault.message
        this.#faults.set(key.kid, fault)
        if (isNew) this.#log.error({ kid: key.kid, sealedBy: key.sealedBy, state: key.state, hint: fault.hint }, fault.message)
      }
    }
  }

  /** Forgets all but these: a retired key is in no memory. Only for a list that was committed. */
  keepOnly(keys: readonly SealedKey[]): void {
    const kept = new Set(keys.map(({ kid }) => kid))
    for (const known of [this.#opened, this.#faults]) for (const kid of known.keys()) if (!kept.has(kid)) known.delete(kid)
  }
}
