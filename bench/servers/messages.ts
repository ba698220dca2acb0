/** Messages of a .proto file as bytes and back. Knows neither wires nor servers. */
import { type AnyDefinition, loadSync, type MessageTypeDefinition } from '@grpc/proto-loader'

export interface Messages {
  /** @param name with its package, such as `castellan.v1.CheckRequest` */
  encode(name: string, message: object): Buffer
  decode<T>(name: string, bytes: Buffer): T
}

export function openMessages(file: string, folder: string): Messages {
  const loaded = loadSync([file], { includeDirs: [folder], longs: Number, enums: String, defaults: true, oneofs: false })
  const typeOf = (name: string) => {
    const found: AnyDefinition | undefined = loaded[name]
    if (found === undefined || !('serialize' in found)) throw new Error(`${file} has no message ${name}`)
    return found as MessageTypeDefinition<object, object>
  }
  return {
    encode: (name, message) => typeOf(name).serialize(message),
    decode: <T>(name: string, bytes: Buffer) => typeOf(name).deserialize(bytes) as T,
  }
}
