/**
 * Protobuf bytes → questions, of the form that nearly all of them have: names of visible ASCII, no resource, no token, no field unknown here. What
 * has another form, and what is malformed, it leaves to protobufjs and the schemas. Floor 5.
 */
import type { CheckQuestion, PermissionsQuestion } from '../../../../model/decision.ts'
import { BATCH_ITEMS_MAX } from '../../../../model/limits.ts'
import { NameTable } from './name-table.ts'

/** What a varint of seven bytes holds is safe as a number; no position is larger. */
const POSITION_BYTES_MAX = 7

/** Tags: the field's number and its wire type. All fields here are below 16, so a tag is one byte. */
const BYTES_OF = (field: number) => (field << 3) | 2
const VARINT_OF = (field: number) => field << 3
const [FIRST, SECOND, THIRD] = [BYTES_OF(1), BYTES_OF(2), BYTES_OF(3)]
const [FOURTH_NUMBER, FIFTH_NUMBER] = [VARINT_OF(4), VARINT_OF(5)]

export interface StreamedQuestion {
  readonly id: string
  readonly check: CheckQuestion
}

/** `undefined` from any method: not of the simple form. The questions are what the schemas would have made of the same bytes. */
export class QuestionBytes {
  readonly #names = new NameTable()
  #bytes: Uint8Array = new Uint8Array(0)
  /** Where the next byte is read, of the message that is read right now. */
  #at = 0

  check(bytes: Uint8Array): CheckQuestion | undefined {
    this.#begin(bytes)
    return this.#check(bytes.length)
  }

  batch(bytes: Uint8Array): readonly CheckQuestion[] | undefined {
    this.#begin(bytes)
    const end = bytes.length
    let user: string | undefined
    let tenant: string | undefined
    let minPosition: number | undefined
    // What the items lack stands anywhere in the message: first what stands in, then the items.
    while (this.#at < end) {
      const tag = bytes[this.#at++]
      if (tag === THIRD) {
        const itemEnd = this.#end(end)
        if (itemEnd < 0) return undefined
        this.#at = itemEnd
      } else if (tag === FOURTH_NUMBER) {
        minPosition = this.#position(end)
        if (minPosition === undefined) return undefined
      } else {
        const name = tag === FIRST || tag === SECOND ? this.#name(end) : undefined
        if (name === undefined) return undefined
        if (tag === FIRST) user = name
        else tenant = name
      }
    }
    this.#at = 0
    const questions: CheckQuestion[] = []
    while (this.#at < end) {
      const tag = bytes[this.#at++]
      if (tag === FOURTH_NUMBER) this.#position(end)
      else {
        const fieldEnd = this.#end(end)
        if (tag === THIRD) {
          const question = questions.length < BATCH_ITEMS_MAX ? this.#item(fieldEnd, user, tenant, minPosition) : undefined
          if (question === undefined) return undefined
          questions.push(question)
        } else this.#at = fieldEnd
      }
    }
    return questions.length === 0 ? undefined : questions
  }

  permissions(bytes: Uint8Array): PermissionsQuestion | undefined {
    this.#begin(bytes)
    const end = bytes.length
    const permissions: string[] = []
    let user: string | undefined
    let tenant: string | undefined
    let minPosition: number | undefined
    while (this.#at < end) {
      const tag = bytes[this.#at++]
      if (tag === FOURTH_NUMBER) {
        minPosition = this.#position(end)
        if (minPosition === undefined) return undefined
        continue
      }
      const name = this.#name(end)
      if (name === undefined) return undefined
      if (tag === THIRD) {
        if (permissions.push(name) > BATCH_ITEMS_MAX) return undefined
      } else if (tag === FIRST) user = name
      else if (tag === SECOND) tenant = name
      else return undefined
    }
    if (user === undefined || tenant === undefined || permissions.length === 0) return undefined
    return minPosition === undefined ? { user, tenant, permissions } : { user, tenant, permissions, minPosition }
  }

  streamed(bytes: Uint8Array): StreamedQuestion | undefined {
    this.#begin(bytes)
    const end = bytes.length
    let id: string | undefined
    let check: CheckQuestion | undefined
    while (this.#at < end) {
      const tag = bytes[this.#at++]
      if (tag === FIRST) {
        id = this.#name(end)
        if (id === undefined) return undefined
      } else {
        // A second one would be merged into the first.
        const checkEnd = tag === SECOND && check === undefined ? this.#end(end) : -1
        check = checkEnd < 0 ? undefined : this.#check(checkEnd)
        if (check === undefined) return undefined
      }
    }
    return id === undefined || check === undefined ? undefined : { id, check }
  }

  #begin(bytes: Uint8Array): void {
    this.#bytes = bytes
    this.#at = 0
  }

  #check(end: number): CheckQuestion | undefined {
    let user: string | undefined
    let tenant: string | undefined
    let permission: string | undefined
    let minPosition: number | undefined
    while (this.#at < end) {
      const tag = this.#bytes[this.#at++]
      if (tag === FIFTH_NUMBER) {
        minPosition = this.#position(end)
        if (minPosition === undefined) return undefined
        continue
      }
      const name = this.#name(end)
      if (name === undefined) return undefined
      if (tag === FIRST) user = name
      else if (tag === SECOND) tenant = name
      else if (tag === THIRD) permission = name
      else return undefined
    }
    return questionOf(user, tenant, permission, minPosition)
  }

  #item(
    end: number,
    envelopeUser: string | undefined,
    envelopeTenant: string | undefined,
    minPosition: number | undefined,
  ): CheckQuestion | undefined {
    let user = envelopeUser
    let tenant = envelopeTenant
    let permission: string | undefined
    while (this.#at < end) {
      const tag = this.#bytes[this.#at++]
      const name = this.#name(end)
      if (name === undefined) return undefined
      if (tag === FIRST) user = name
      else if (tag === SECOND) tenant = name
      else if (tag === THIRD) permission = name
      else return undefined
    }
    return questionOf(user, tenant, permission, minPosition)
  }

  #name(end: number): string | undefined {
    const nameEnd = this.#end(end)
    if (nameEnd < 0) return undefined
    const name = this.#names.read(this.#bytes, this.#at, nameEnd)
    this.#at = nameEnd
    return name
  }

  /** Where the field ends whose length stands here; negative: not inside of what it stands in. */
  #end(end: number): number {
    let length = 0
    for (let shift = 0; shift < 28 && this.#at < end; shift += 7) {
      const byte = this.#bytes[this.#at++] as number
      length |= (byte & 0x7f) << shift
      if (byte < 0x80) return this.#at + length <= end ? this.#at + length : -1
    }
    return -1
  }

  #position(end: number): number | undefined {
    let position = 0
    let factor = 1
    for (let count = 0; count < POSITION_BYTES_MAX && this.#at < end; count++) {
      const byte = this.#bytes[this.#at++] as number
      position += (byte & 0x7f) * factor
      if (byte < 0x80) return position
      factor *= 0x80
    }
    return undefined
  }
}

function questionOf(
  user: string | undefined,
  tenant: string | undefined,
  permission: string | undefined,
  minPosition: number | undefined,
): CheckQuestion | undefined {
  if (user === undefined || tenant === undefined || permission === undefined) return undefined
  return minPosition === undefined ? { user, tenant, permission } : { user, tenant, permission, minPosition }
}
