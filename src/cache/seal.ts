/** Names and authenticates what is put in Redis, so that it can be lost or late there, but not made up, changed or swapped. Floor 2. */
import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto'
import type { DatabaseIdentity } from './ports.ts'

/** Of an entry's name: two pairs meeting in 192 bits is not going to happen. */
const NAME_BYTES = 24
/** Of a code in front of a value: 128 bits cannot be guessed. */
const CODE_BYTES = 16
/** Characters of the incarnation that stand in a key: enough for a person to tell two apart; the name depends on all of it. */
const INCARNATION_CHARACTERS = 8

/** For one incarnation of the database. Another one has other keys, and would not accept a value of this one under any. */
export class Seal {
  readonly incarnation: string
  /** Under this key stands the highest head that any replica knew. */
  readonly headKey: string
  readonly #prefix: string
  readonly #nameSecret: KeyObject
  readonly #valueSecret: KeyObject

  constructor({ incarnation, secret }: Pick<DatabaseIdentity, 'incarnation' | 'secret'>) {
    this.incarnation = incarnation
    this.headKey = `castellan:${incarnation}:head`
    this.#prefix = `castellan:${incarnation.slice(0, INCARNATION_CHARACTERS)}:a:`
    this.#nameSecret = createSecretKey(createHmac('sha256', secret).update(`castellan name ${incarnation}`).digest())
    this.#valueSecret = createSecretKey(createHmac('sha256', secret).update(`castellan value ${incarnation}`).digest())
  }

  /** Different for any two pairs; shows neither id. */
  keyOf(tenant: string, user: string): string {
    // The length in front says where the tenant ends. UTF-16 keeps ids apart that UTF-8 could not tell from each other.
    const name = createHmac('sha256', this.#nameSecret)
      .update(`${tenant.length} `)
      .update(tenant, 'utf16le')
      .update(user, 'utf16le')
      .digest()
    return this.#prefix + name.toString('base64url', 0, NAME_BYTES)
  }

  /** A value that `open` accepts under this key alone. */
  seal(key: string, body: Uint8Array): Buffer {
    return Buffer.concat([this.#code(key, body), body])
  }

  /** The body; `undefined` when this value was not sealed here for this key. */
  open(key: string, value: Buffer): Buffer | undefined {
    if (value.length < CODE_BYTES) return undefined
    const body = value.subarray(CODE_BYTES)
    return timingSafeEqual(value.subarray(0, CODE_BYTES), this.#code(key, body)) ? body : undefined
  }

  /** Decimal first, so that Redis can compare. */
  sealHead(head: number): string {
    return `${head} ${this.#code(this.headKey, Buffer.from(String(head))).toString('base64url')}`
  }

  /** `undefined` when none of ours wrote it. */
  openHead(text: string): number | undefined {
    const head = Number.parseInt(text, 10)
    const [given, expected] = [Buffer.from(text), Buffer.from(this.sealHead(head))]
    return given.length === expected.length && timingSafeEqual(given, expected) ? head : undefined
  }

  #code(key: string, body: Uint8Array): Buffer {
    return createHmac('sha256', this.#valueSecret).update(`${key.length} ${key}`).update(body).digest().subarray(0, CODE_BYTES)
  }
}
