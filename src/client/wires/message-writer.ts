/** Writes protobuf's wire format. Knows no message of ours, reads nothing. Floor 6. */

/** Most that the head of a field takes: a tag of one byte and the length of what follows. */
const HEAD_BYTES_MAX = 6
const DOUBLE_BYTES = 8
const VARINT_BYTES_MAX = 10
/** Bytes that one unit of UTF-16 takes at most in UTF-8. */
const UTF8_BYTES_MAX = 3

/** Fields are given by their tags, number × 8 + wire type; those of one byte only, which fields up to 15 have. */
export class MessageWriter {
  #buffer: Buffer
  #at = 0

  /** @param capacity bytes that are expected; it grows beyond them */
  constructor(capacity: number) {
    this.#buffer = Buffer.allocUnsafe(capacity)
  }

  text(tag: number, text: string): void {
    this.#reserve(HEAD_BYTES_MAX + UTF8_BYTES_MAX * text.length)
    const buffer = this.#buffer
    buffer[this.#at++] = tag
    const { length } = text
    // Names and ids are short and of ASCII: a call into the runtime would cost more than they do.
    if (length < 0x80) {
      const from = this.#at + 1
      let index = 0
      for (; index < length; index += 1) {
        const unit = text.charCodeAt(index)
        if (unit >= 0x80) break
        buffer[from + index] = unit
      }
      if (index === length) {
        buffer[this.#at] = length
        this.#at = from + length
        return
      }
    }
    this.#at = writeVarint(buffer, this.#at, Buffer.byteLength(text))
    this.#at += buffer.write(text, this.#at)
  }

  /** A whole number from 0. */
  whole(tag: number, value: number): void {
    this.#reserve(1 + VARINT_BYTES_MAX)
    this.#buffer[this.#at++] = tag
    this.#at = writeVarint(this.#buffer, this.#at, value)
  }

  double(tag: number, value: number): void {
    this.#reserve(1 + DOUBLE_BYTES)
    this.#buffer[this.#at++] = tag
    this.#at = this.#buffer.writeDoubleLE(value, this.#at)
  }

  /** Begins a message inside this one. @returns where it begins, for `end` */
  begin(tag: number): number {
    this.#reserve(HEAD_BYTES_MAX)
    this.#buffer[this.#at++] = tag
    // One byte for the length, which most messages need; a longer one is moved.
    this.#at += 1
    return this.#at
  }

  end(from: number): void {
    const bytes = this.#at - from
    if (bytes < 0x80) {
      this.#buffer[from - 1] = bytes
      return
    }
    this.#reserve(HEAD_BYTES_MAX)
    const begin = from - 1 + varintBytes(bytes)
    this.#buffer.copyWithin(begin, from, this.#at)
    writeVarint(this.#buffer, from - 1, bytes)
    this.#at = begin + bytes
  }

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#at)
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(2 * this.#buffer.length, this.#at + bytes))
    this.#buffer.copy(larger, 0, 0, this.#at)
    this.#buffer = larger
  }
}

function varintBytes(value: number): number {
  let bytes = 1
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes += 1
  return bytes
}

function writeVarint(buffer: Buffer, from: number, value: number): number {
  let at = from
  let rest = value
  // Beyond 32 bits, where the operators of bits end.
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) buffer[at++] = (rest % 0x80) + 0x80
  buffer[at++] = rest
  return at
}
