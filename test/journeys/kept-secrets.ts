/** The secrets of a journey, and whether a text holds one of them: as it stands, or as bytes written in hex. Reads nothing itself. */

/** Of the 54 bytes of a refresh token the last ones are what proves it; the first ones name its session. */
const PROOF_BYTES = 32

export class KeptSecrets {
  readonly #forms = new Map<string, readonly string[]>()
  readonly #kinds: string[] = []

  keep(kind: string, secret: string): void {
    if (secret.length < 6) throw new Error(`No secret: ${kind}`)
    this.#kinds.push(kind)
    this.#forms.set(`${kind} ${this.#kinds.length}`, [secret, ...bytesOf(secret).map((bytes) => bytes.toString('hex'))])
  }

  kinds(): readonly string[] {
    return [...new Set(this.#kinds)].sort()
  }

  /** Each form of each secret, to try by it whether it would be found. */
  forms(): readonly string[] {
    return [...this.#forms.values()].flat()
  }

  /** Names of what the text holds. */
  foundIn(text: string): readonly string[] {
    return [...this.#forms].filter(([, forms]) => forms.some((form) => holds(text, form))).map(([name]) => name)
  }
}

/** As a column of bytes could have it: the text itself, or what a text of base64url (behind the prefix of a caller key), or a part of a token, stands for. */
function bytesOf(secret: string): readonly Buffer[] {
  const texts = secret.split('.').map((part) => part.replace(/^cst_/, ''))
  const decoded = texts.map((text) => Buffer.from(text, 'base64')).filter((bytes) => bytes.length >= PROOF_BYTES)
  return [
    Buffer.from(secret),
    ...decoded,
    ...decoded.filter(({ length }) => length > PROOF_BYTES).map((bytes) => bytes.subarray(-PROOF_BYTES)),
  ]
}

/** Six digits stand in many a number: a code stands alone. */
function holds(text: string, form: string): boolean {
  return /^\d{6}$/.test(form) ? new RegExp(`(?<![\\w.-])${form}(?![\\w.-])`).test(text) : text.includes(form)
}
