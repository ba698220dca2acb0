/** Loads our .proto files, and makes decoding a step that can fail politely. Floor 5. */
import { join } from 'node:path'
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js'
import { loadSync, type MessageTypeDefinition, type PackageDefinition } from '@grpc/proto-loader'
import { packageRoot } from '../../../ground/package-root.ts'

/** A request as it came: a message, or bytes that are none. */
export type Decoded = { readonly message: Readonly<Record<string, unknown>> } | { readonly message: undefined }

const NO_MESSAGE: Decoded = { message: undefined }

export interface Definitions {
  readonly decision: ServiceDefinition
  readonly administration: ServiceDefinition
  readonly audit: ServiceDefinition
  readonly access: ServiceDefinition
  /** Bytes of a message by its full name. */
  serialize(name: string, message: object): Buffer
}

export function loadDefinitions(): Definitions {
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
  return {
    decision: politely(serviceOf(loaded, 'castellan.v1.DecisionService')),
    administration: politely(serviceOf(loaded, 'castellan.v1.AdministrationService')),
    audit: politely(serviceOf(loaded, 'castellan.v1.AuditService')),
    access: politely(serviceOf(loaded, 'castellan.v1.AccessService')),
    serialize: (name, message) => (loaded[name] as MessageTypeDefinition<object, object>).serialize(message),
  }
}

function serviceOf(loaded: PackageDefinition, name: string): ServiceDefinition {
  return loaded[name] as unknown as ServiceDefinition
}

/**
 * The same service, whose handlers get `Decoded` requests. grpc-js answers INTERNAL when bytes do not decode; bad bytes are
 * the caller's mistake, though, and handlers say so with INVALID_ARGUMENT.
 */
export function politely(service: ServiceDefinition): ServiceDefinition {
  return Object.fromEntries(
    Object.entries(service).map(([name, method]: [string, MethodDefinition<object, object>]) => {
      const decode = method.requestDeserialize
      const requestDeserialize = (bytes: Buffer): Decoded => {
        try {
          return { message: decode(bytes) as Record<string, unknown> }
        } catch {
          return NO_MESSAGE
        }
      }
      return [name, { ...method, requestDeserialize }]
    }),
  ) as ServiceDefinition
}
