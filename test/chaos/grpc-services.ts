/** The contracts as clients of gRPC, and how what they answer is read. */
import { join } from 'node:path'
import {
  type ClientDuplexStream,
  loadPackageDefinition,
  Metadata,
  type ServiceClientConstructor,
  type ServiceError,
  status,
} from '@grpc/grpc-js'
import { loadSync, type MessageTypeDefinition } from '@grpc/proto-loader'
import { packageRoot } from '../../src/ground/package-root.ts'
import type { Answer, Failure } from './history.ts'

export type Plain = Readonly<Record<string, unknown>>
export type Stream = ClientDuplexStream<object, Plain>

const FILES = [
  'castellan/v1/decision_service.proto',
  'castellan/v1/administration_service.proto',
  'google/rpc/status.proto',
  'google/rpc/error_details.proto',
]

export interface GrpcServices {
  readonly decision: ServiceClientConstructor
  readonly administration: ServiceClientConstructor
  /** Why a call failed. Our service's own errors carry details; one without was made by the library on this side. */
  readonly failureOf: (fault: ServiceError) => Failure
}

interface Status {
  readonly details: readonly { readonly type_url: string; readonly value: Buffer }[]
}

export function loadServices(): GrpcServices {
  const includeDirs = [join(packageRoot(), 'proto')]
  const loaded = loadSync(FILES, { includeDirs, keepCase: false, longs: Number, defaults: true, oneofs: true })
  const { v1 } = loadPackageDefinition(loaded)['castellan'] as unknown as { v1: Record<string, ServiceClientConstructor> }
  const serviceOf = (name: string) => {
    const service = v1[name]
    if (service === undefined) throw new Error(`The contracts have no ${name}`)
    return service
  }
  const decode = <T>(name: string, bytes: Buffer) => (loaded[name] as MessageTypeDefinition<object, object>).deserialize(bytes) as T
  return {
    decision: serviceOf('DecisionService'),
    administration: serviceOf('AdministrationService'),
    failureOf(fault) {
      const [bytes] = fault.metadata?.get('grpc-status-details-bin') ?? []
      if (bytes === undefined) return failure(fault.code === status.DEADLINE_EXCEEDED ? 'given-up' : 'connection')
      const { details } = decode<Status>('google.rpc.Status', bytes as Buffer)
      const detail = (name: string) => details.find(({ type_url }) => type_url.endsWith(`/${name}`))?.value
      const info = detail('google.rpc.ErrorInfo')
      const { reason } = info === undefined ? { reason: 'UNKNOWN' } : decode<{ reason: string }>('google.rpc.ErrorInfo', info)
      return failure(reason.toLowerCase(), detail('google.rpc.RetryInfo') !== undefined)
    },
  }
}

export function bearer(key: string): Metadata {
  const metadata = new Metadata()
  metadata.set('authorization', `Bearer ${key}`)
  return metadata
}

/** A decision of either wire, whose names are the same. */
export function answerOf(answer: Plain): Answer {
  const { allowed, reason, position, policyRevision } = answer
  return {
    kind: 'answer',
    allowed: allowed === true,
    reason: String(reason),
    position: Number(position),
    policyRevision: String(policyRevision),
  }
}

export function isFailure(answer: Plain | Answer | Failure): answer is Failure {
  return (answer as { readonly kind?: unknown }).kind === 'failure'
}

export function failure(code: string, retryAfter = false): Failure {
  return { kind: 'failure', code, retryAfter }
}
