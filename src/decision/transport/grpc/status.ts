/** Errors → gRPC statuses with google.rpc details. Floor 5. */
import { Metadata, type StatusObject, status } from '@grpc/grpc-js'
import type { KnownError } from '../../../wire/error-table.ts'
import type { Definitions } from './definitions.ts'

/** Names and texts of violations put into trailers, in characters: many clients take only 8 KiB of metadata. */
const VIOLATION_CHARACTERS_MAX = 3_000

/** What a handler passes as its error. */
export type GrpcFault = Pick<StatusObject, 'code' | 'details' | 'metadata'>

export function faultOf(known: KnownError, definitions: Definitions): GrpcFault {
  const { error, row } = known
  const code = status[row.grpc]
  // encodeURI, by which grpc-js writes this, throws on half a surrogate pair.
  const details = (error.hint === undefined ? error.publicMessage : `${error.publicMessage} ${error.hint}`).toWellFormed()
  // Any comes with the library, which spells this one field as it stands in the .proto file.
  const any = (name: string, message: object) => ({ type_url: `type.googleapis.com/${name}`, value: definitions.serialize(name, message) })
  const list = [any('google.rpc.ErrorInfo', { reason: known.code.toUpperCase(), domain: 'castellan' })]
  const fieldViolations = boundedViolations(known)
  if (fieldViolations.length > 0) list.push(any('google.rpc.BadRequest', { fieldViolations }))
  if (error.retryAfterSeconds !== undefined) list.push(any('google.rpc.RetryInfo', { retryDelay: { seconds: error.retryAfterSeconds } }))
  const metadata = new Metadata()
  const body = { code, message: details, details: list }
  metadata.set('grpc-status-details-bin', definitions.serialize('google.rpc.Status', body))
  return { code, details, metadata }
}

function boundedViolations(known: KnownError): { readonly field: string; readonly description: string }[] {
  const violations: { readonly field: string; readonly description: string }[] = []
  let characters = 0
  for (const { field, message } of known.error.violations) {
    characters += field.length + message.length
    if (characters > VIOLATION_CHARACTERS_MAX) {
      const left = known.error.violations.length - violations.length
      violations.push({ field: '', description: `and ${left} more, which HTTP names in full` })
      break
    }
    violations.push({ field: field.toWellFormed(), description: message.toWellFormed() })
  }
  return violations
}
