/** Answers to questions → framed gRPC messages, byte for byte what protobufjs would write, which writes those with rarer fields. Floor 5. */
import type { Decision, PermissionsAnswer } from '../../../../model/decision.ts'
import { errorMessage } from '../../../../wire/error-message.ts'
import { decisionMessage, permissionsMessage, resultMessage } from '../../../translate/decision-answers.ts'
import { grpcForm } from '../../../translate/wire-form.ts'
import type { Definitions } from '../definitions.ts'

/** In front of each message: whether it is compressed, and its length. */
export const FRAME_BYTES = 5

/** Tags: the field's number and its wire type. */
const BYTES_OF = (field: number) => (field << 3) | 2
const VARINT_OF = (field: number) => field << 3
const [FIRST, SECOND, THIRD, FOURTH, FIFTH, SIXTH] = [1, 2, 3, 4, 5, 6].map(BYTES_OF) as [number, number, number, number, number, number]
const [FIRST_NUMBER, FOURTH_NUMBER, FIFTH_NUMBER] = [1, 4, 5].map(VARINT_OF) as [number, number, number]
/** A tag and a truth value. */
const TRUTH_BYTES = 2

export class AnswerBytes {
  readonly #definitions: Definitions
  #bytes: Buffer = Buffer.alloc(0)
  #at = 0
  #versioned: { readonly policyRevision: string; readonly position: number; readonly bytes: Buffer } | undefined
  /** Whether all that was written into these bytes was of ASCII, as its length was counted. */
  #good = true

  constructor(definitions: Definitions) {
    this.#definitions = definitions
  }

  check(decision: Decision): Buffer {
    if (isPlain(decision)) {
      this.#begin(decisionBytes(decision))
      this.#decision(decision)
      if (this.#isWhole()) return this.#bytes
    }
    return this.#rare('CheckResponse', decisionMessage(decision, grpcForm))
  }

  batch(results: readonly (Decision | Error)[]): Buffer {
    /** Of each item: the bytes of its decision, or the bytes themselves where they are rare. */
    const items: (number | Buffer)[] = []
    let length = 0
    for (const result of results) {
      let itemBytes: number
      if (result instanceof Error || !isPlain(result)) {
        const rare = this.#definitions.serialize('castellan.v1.BatchCheckResult', resultMessage(result, grpcForm))
        items.push(rare)
        itemBytes = rare.length
      } else {
        const bytes = decisionBytes(result)
        items.push(bytes)
        itemBytes = fieldBytes(bytes)
      }
      length += fieldBytes(itemBytes)
    }
    this.#begin(length)
    for (let index = 0; index < items.length; index++) {
      const item = items[index] as number | Buffer
      if (typeof item === 'number') {
        this.#head(FIRST, fieldBytes(item))
        this.#head(FIRST, item)
        this.#decision(results[index] as Decision)
      } else {
        this.#head(FIRST, item.length)
        this.#at += item.copy(this.#bytes, this.#at)
      }
    }
    return this.#isWhole()
      ? this.#bytes
      : this.#rare('BatchCheckResponse', { items: results.map((result) => resultMessage(result, grpcForm)) })
  }

  permissions(answer: PermissionsAnswer): Buffer {
    const { allowed, decisionId, policyRevision, position, denied } = answer
    this.#begin(
      fieldBytes(allowed.length) +
        fieldBytes(decisionId.length) +
        fieldBytes(policyRevision.length) +
        numberBytes(position) +
        (denied === undefined ? 0 : fieldBytes(denied.length)),
    )
    this.#head(FIRST, allowed.length)
    for (const one of allowed) this.#bytes[this.#at++] = one ? 1 : 0
    this.#text(SECOND, decisionId)
    this.#text(THIRD, policyRevision)
    this.#number(FOURTH_NUMBER, position)
    if (denied !== undefined) this.#text(FIFTH, denied)
    return this.#isWhole() ? this.#bytes : this.#rare('CheckPermissionsResponse', permissionsMessage(answer))
  }

  streamed(id: string, result: Decision | Error): Buffer {
    if (result instanceof Error) return this.#rare('CheckStreamResponse', { id, error: errorMessage(result) })
    if (isPlain(result)) {
      const bytes = decisionBytes(result)
      this.#begin(fieldBytes(id.length) + fieldBytes(bytes))
      this.#text(FIRST, id)
      this.#head(SECOND, bytes)
      this.#decision(result)
      if (this.#isWhole()) return this.#bytes
    }
    return this.#rare('CheckStreamResponse', { id, decision: decisionMessage(result, grpcForm) })
  }

  #begin(length: number): void {
    this.#bytes = Buffer.allocUnsafe(FRAME_BYTES + length)
    this.#at = FRAME_BYTES
    this.#good = true
    writeFrame(this.#bytes)
  }

  #isWhole(): boolean {
    return this.#good && this.#at === this.#bytes.length
  }

  #rare(name: string, message: object): Buffer {
    return framed(this.#definitions.serialize(`castellan.v1.${name}`, message))
  }

  #decision({ allowed, reason, decisionId, policyRevision, position, via }: Decision): void {
    this.#bytes[this.#at++] = FIRST_NUMBER
    this.#bytes[this.#at++] = allowed ? 1 : 0
    this.#text(SECOND, reason)
    this.#text(THIRD, decisionId)
    this.#version(policyRevision, position)
    for (const role of via) this.#text(SIXTH, role)
  }

  /** The same in nearly every answer: written once, and copied from then on. */
  #version(policyRevision: string, position: number): void {
    const known = this.#versioned
    if (known !== undefined && known.position === position && known.policyRevision === policyRevision) {
      this.#bytes.set(known.bytes, this.#at)
      this.#at += known.bytes.length
      return
    }
    const start = this.#at
    const wasGood = this.#good
    this.#good = true
    this.#text(FOURTH, policyRevision)
    this.#number(FIFTH_NUMBER, position)
    if (this.#good) this.#versioned = { policyRevision, position, bytes: Buffer.from(this.#bytes.subarray(start, this.#at)) }
    this.#good = wasGood && this.#good
  }

  #text(tag: number, text: string): void {
    this.#head(tag, text.length)
    let at = this.#at
    let seen = 0
    for (let index = 0; index < text.length; index++) {
      const unit = text.charCodeAt(index)
      seen |= unit
      this.#bytes[at++] = unit
    }
    if (seen > 0x7f) this.#good = false
    this.#at = at
  }

  #head(tag: number, length: number): void {
    this.#bytes[this.#at++] = tag
    this.#varint(length)
  }

  #number(tag: number, value: number): void {
    this.#bytes[this.#at++] = tag
    this.#varint(value)
  }

  #varint(value: number): void {
    let left = value
    while (left > 0x7fffffff) {
      this.#bytes[this.#at++] = (left % 0x80) | 0x80
      left = Math.floor(left / 0x80)
    }
    while (left > 0x7f) {
      this.#bytes[this.#at++] = (left & 0x7f) | 0x80
      left >>>= 7
    }
    this.#bytes[this.#at++] = left
  }
}

export function framed(message: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(FRAME_BYTES + message.length)
  writeFrame(bytes)
  bytes.set(message, FRAME_BYTES)
  return bytes
}

function writeFrame(bytes: Buffer): void {
  bytes[0] = 0
  bytes.writeUInt32BE(bytes.length - FRAME_BYTES, 1)
}

/** Has none of the rarer fields. */
function isPlain(decision: Decision): boolean {
  return (
    decision.validUntilMs === undefined &&
    decision.expiredAtMs === undefined &&
    decision.validFromMs === undefined &&
    decision.hint === undefined
  )
}

/** Of a decision that is plain, were all of its text of ASCII. */
function decisionBytes({ reason, decisionId, policyRevision, position, via }: Decision): number {
  let bytes =
    TRUTH_BYTES + fieldBytes(reason.length) + fieldBytes(decisionId.length) + fieldBytes(policyRevision.length) + numberBytes(position)
  for (const role of via) bytes += fieldBytes(role.length)
  return bytes
}

/** Of a field with so many bytes in it: its tag, their count and they. */
function fieldBytes(length: number): number {
  return 1 + varintBytes(length) + length
}

function numberBytes(value: number): number {
  return 1 + varintBytes(value)
}

function varintBytes(value: number): number {
  let bytes = 1
  for (let left = value; left > 0x7f; left = Math.floor(left / 0x80)) bytes++
  return bytes
}
