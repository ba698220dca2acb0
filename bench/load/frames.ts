/** gRPC's frames: five bytes before each message. Pure; knows no message. */

const HEAD_BYTES = 5

export function frame(message: Uint8Array): Buffer {
  const framed = Buffer.alloc(HEAD_BYTES + message.length)
  framed.writeUInt32BE(message.length, 1)
  framed.set(message, HEAD_BYTES)
  return framed
}

/** @throws Error for bytes that are not whole frames, or compressed ones */
export function unframe(bytes: Buffer): readonly Buffer[] {
  const messages: Buffer[] = []
  let at = 0
  while (at < bytes.length) {
    if (bytes.length - at < HEAD_BYTES) throw new Error('A frame of gRPC ends within its head')
    if (bytes[at] !== 0) throw new Error('A frame of gRPC is compressed, which nobody asked for')
    const end = at + HEAD_BYTES + bytes.readUInt32BE(at + 1)
    if (end > bytes.length) throw new Error('A frame of gRPC ends within its message')
    messages.push(bytes.subarray(at + HEAD_BYTES, end))
    at = end
  }
  return messages
}
