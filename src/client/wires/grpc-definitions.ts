/** Loads what of our .proto files a client needs; an answer that does not decode is told apart from one that does. Floor 6. */
import { join } from 'node:path'
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js'
import { loadSync, type MessageTypeDefinition, type PackageDefinition } from '@grpc/proto-loader'
import { packageRoot } from '../../ground/package-root.ts'

export type Message = Readonly<Record<string, unknown>>
/** An answer as it came; `undefined`: bytes that are no message. */
export type Method<Answer = Message> = Pick<
  MethodDefinition<object, Answer | undefined>,
  'path' | 'requestSerialize' | 'responseDeserialize'
>
export type Methods = Readonly<Record<string, Method>>

export interface ClientDefinitions {
  readonly decision: Methods
  readonly access: Methods
  /** @returns undefined for bytes that are none, and for names that are not loaded */
  decode(name: string, bytes: Uint8Array): Message | undefined
}

export function loadClientDefinitions(): ClientDefinitions {
  const loaded = loadSync(
    [
      'castellan/v1/decision_service.proto',
      'castellan/v1/access_service.proto',
      'google/rpc/status.proto',
      'google/rpc/error_details.proto',
    ],
    { includeDirs: [join(packageRoot(), 'proto')], keepCase: false, longs: Number, enums: String, defaults: false, oneofs: true },
  )
  return {
    decision: politely(loaded, 'castellan.v1.DecisionService'),
    access: politely(loaded, 'castellan.v1.AccessService'),
    decode(name, bytes) {
      const type = loaded[name] as MessageTypeDefinition<object, object> | undefined
      try {
        return type?.deserialize(Buffer.from(bytes)) as Message | undefined
      } catch {
        return undefined
      }
    },
  }
}

/** grpc-js would call bytes that do not decode INTERNAL, as if the service had said so. */
function politely(loaded: PackageDefinition, name: string): Methods {
  const service = loaded[name] as unknown as ServiceDefinition
  return Object.fromEntries(
    Object.entries(service).map(([method, definition]: [string, MethodDefinition<object, object>]) => {
      const decode = definition.responseDeserialize
      const responseDeserialize = (bytes: Buffer): Message | undefined => {
        try {
          return decode(bytes) as Message
        } catch {
          return undefined
        }
      }
      return [method, { path: definition.path, requestSerialize: definition.requestSerialize, responseDeserialize }]
    }),
  )
}
