/** Errors → application/problem+json (RFC 9457), and how any answer is written. Floor 4. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { errorMessage } from '../error-message.ts'
import type { KnownError } from '../error-table.ts'

export const PROBLEM_TYPE = 'application/problem+json'

/** @param status where one code has several statuses by the kind of mistake (431, 408, 417); absent: the table's */
export function problemBody(known: KnownError, requestId: string, status: number = known.row.http): string {
  const { code, detail, ...rest } = errorMessage(known.error)
  return JSON.stringify({
    type: `urn:castellan:problem:${known.code}`,
    title: known.row.title,
    status,
    detail,
    code,
    ...rest,
    requestId,
  })
}

export function writeProblem(
  request: IncomingMessage,
  response: ServerResponse,
  known: KnownError,
  requestId: string,
  headers: Readonly<Record<string, string>> = {},
  status: number = known.row.http,
): void {
  const retry = known.error.retryAfterSeconds
  writeAnswer(request, response, status, problemBody(known, requestId, status), requestId, {
    'content-type': PROBLEM_TYPE,
    ...(retry === undefined ? {} : { 'retry-after': String(retry) }),
    ...(known.code === 'unauthenticated' ? { 'www-authenticate': 'Bearer realm="castellan"' } : {}),
    ...headers,
  })
}

export function writeAnswer(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  body: string | Buffer,
  requestId: string,
  headers: Readonly<Record<string, string>>,
): void {
  if (response.headersSent || response.destroyed) return
  response.writeHead(status, {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'x-request-id': requestId,
    ...(status === 304 || status === 204 ? {} : { 'content-length': Buffer.byteLength(body) }),
    // A body that nobody will read must not be waited for before the next request of this connection.
    ...(request.complete || !hasBody(request) ? {} : { connection: 'close' }),
    ...headers,
  })
  response.end(body)
}

export function hasBody(request: IncomingMessage): boolean {
  return request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0
}
