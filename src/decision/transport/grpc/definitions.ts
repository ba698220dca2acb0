/** Loads our .proto files, and makes decoding a step that can fail politely. Floor 5. */
import { join } from 'node:path'
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js'
import { loadSync, type MessageTypeDefinition, type PackageDefinition } from '@grpc/proto-loader'
import { packageRoot } from '../../../ground/package-root.ts'

/** A request as it came: a message, or bytes that are none. */
export interface Decoded {
  readonly message: Readonly<Record<string, unknown>> | undefined
  /** Where its answer may come as bytes too. */
  readonly bytes?: Buffer
}

type Decode = (bytes: Buffer) => object

/** Decoded when somebody looks: what is answered from its bytes never is. */
class LateDecoded implements Decoded {
  readonly bytes: Buffer
  readonly #decode: Decode

  constructor(bytes: Buffer, decode: Decode) {
    this.bytes = bytes
    this.#decode = decode
  }

  get message(): Readonly<Record<string, unknown>> | undefined {
    return messageIn(this.bytes, this.#decode)
  }
}

function messageIn(bytes: Buffer, decode: Decode): Readonly<Record<string, unknown>> | undefined {
  try {
    return decode(bytes) as Record<string, unknown>
  } catch {
    return undefined
  }
}

export interface Definitions {
  readonly decision: ServiceDefinition
  readonly administration: ServiceDefinition
  readonly audit: ServiceDefinition
  readonly access: ServiceDefinition
  /** Bytes of a message by its full name. */
  serialize(name: string, message: object): Buffer
  /** A message by its full name. @throws when the bytes are none */
  deserialize(name: string, bytes: Uint8Array): Readonly<Record<string, unknown>>
}

/** @param inBytesToo methods of DecisionService whose handlers get the bytes of a request and may answer in bytes */
export function loadDefinitions(inBytesToo: readonly string[] = []): Definitions {
  const loaded = loadSync(
    [
      'castellan/v1/decision_service.proto',
      'castellan/v1/administration_service.proto',
      'castellan/v1/audit_service.proto',
      'castellan/v1/access_service.proto',
      'google/rpc/status.proto',
      'google/rpc/error_details.proto',
    ],
    { includeDirs: [join(packageRoot(), 'proto')], keepCase: false, longs: Number, enums: String, defaults: false, oneofs: true },
  )
  const typeOf = (name: string) => loaded[name] as MessageTypeDefinition<object, object>
  return {
    decision: politely(serviceOf(loaded, 'castellan.v1.DecisionService'), inBytesToo),
    administration: politely(serviceOf(loaded, 'castellan.v1.AdministrationService')),
    audit: politely(serviceOf(loaded, 'castellan.v1.AuditService')),
    access: politely(serviceOf(loaded, 'castellan.v1.AccessService')),
    serialize: (name, message) => typeOf(name).serialize(message),
    deserialize: (name, bytes) => typeOf(name).deserialize(bytes as Buffer) as Readonly<Record<string, unknown>>,
  }
}

function serviceOf(loaded: PackageDefinition, name: string): ServiceDefinition {
  return loaded[name] as unknown as ServiceDefinition
}

/**
 * The same service, whose handlers get `Decoded` requests. grpc-js answers INTERNAL when bytes do not decode; bad bytes are
 * the caller's mistake, though, and handlers say so with INVALID_ARGUMENT.
 * @param inBytesToo methods whose handlers get the bytes as well, and may answer in bytes
 */
export function politely(service: ServiceDefinition, inBytesToo: readonly string[] = []): ServiceDefinition {
  return Object.fromEntries(
    Object.entries(service).map(([name, method]: [string, MethodDefinition<object, object>]) => {
      const { requestDeserialize: decode, responseSerialize: encode } = method
      if (!inBytesToo.includes(name))
        return [name, { ...method, requestDeserialize: (bytes: Buffer): Decoded => ({ message: messageIn(bytes, decode) }) }]
      const requestDeserialize = (bytes: Buffer): Decoded => new LateDecoded(bytes, decode)
      const responseSerialize = (answer: object): Buffer => (Buffer.isBuffer(answer) ? answer : encode(answer))
      return [name, { ...method, requestDeserialize, responseSerialize }]
    }),
  ) as ServiceDefinition
}
