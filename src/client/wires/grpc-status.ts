/** A failed gRPC call → the client's errors, from its status and the details of Google's error model. Floor 6. */
import { type ServiceError, status } from '@grpc/grpc-js'
import type { CastellanError } from '../errors.ts'
import { ANSWER_TEXT_CHARACTERS_MAX } from '../limits.ts'
import type { ClientDefinitions, Message } from './grpc-definitions.ts'
import { codeIn, isRetried, serviceError, violationsIn } from './service-error.ts'

/** What a status means that says no more: of the library itself, or of a proxy. */
const CODES: Readonly<Record<number, string>> = {
  [status.UNAVAILABLE]: 'unreachable',
  // The server let the call go: it was not us, or nobody would listen any more.
  [status.CANCELLED]: 'unreachable',
  [status.DEADLINE_EXCEEDED]: 'deadline_exceeded',
  [status.RESOURCE_EXHAUSTED]: 'resource_exhausted',
  [status.UNAUTHENTICATED]: 'unauthenticated',
  [status.PERMISSION_DENIED]: 'permission_denied',
  [status.INVALID_ARGUMENT]: 'request_invalid',
  [status.UNIMPLEMENTED]: 'route_not_found',
  [status.INTERNAL]: 'internal',
}

/** @param strike takes secrets out of what the answer says */
export function statusError(
  fault: unknown,
  definitions: Pick<ClientDefinitions, 'decode'>,
  strike: (text: string) => string,
): CastellanError {
  const { code, metadata, details: words } = fault as Partial<ServiceError>
  // Not the library's own error: it holds everything that was answered.
  const cause = new Error(strike(`gRPC ${status[code ?? status.UNKNOWN] ?? code}: ${words ?? ''}`.slice(0, ANSWER_TEXT_CHARACTERS_MAX)))
  const known = CODES[code ?? status.UNKNOWN] ?? 'bad_answer'
  const [bytes] = metadata?.get('grpc-status-details-bin') ?? []
  const details = bytes instanceof Uint8Array ? definitions.decode('google.rpc.Status', bytes) : undefined
  const find = (name: string) => detail(details, name, definitions)
  const info = find('google.rpc.ErrorInfo')
  const said = info?.['domain'] === 'castellan' ? codeIn(String(info['reason']).toLowerCase()) : undefined
  const seconds = Number((find('google.rpc.RetryInfo')?.['retryDelay'] as Message | undefined)?.['seconds'])
  const error = serviceError({
    code: said ?? known,
    violations: violationsIn(find('google.rpc.BadRequest')?.['fieldViolations'], 'description').map(({ field, message }) => ({
      field: strike(field),
      message: strike(message),
    })),
    ...(Number.isSafeInteger(seconds) && seconds > 0 ? { retryAfterSeconds: seconds } : {}),
    cause,
  })
  // A code that is newer than this client still means what its status does.
  return said !== undefined && code === status.UNAVAILABLE && !isRetried(error) ? serviceError({ code: 'unavailable', cause }) : error
}

function detail(details: Message | undefined, name: string, definitions: Pick<ClientDefinitions, 'decode'>): Message | undefined {
  const list = details?.['details']
  if (!Array.isArray(list)) return undefined
  // Any comes with the library, which spells this one field as it stands in the .proto file.
  const any = (list as Message[]).find(({ type_url }) => type_url === `type.googleapis.com/${name}`)
  return any?.['value'] instanceof Uint8Array ? definitions.decode(name, any['value']) : undefined
}
