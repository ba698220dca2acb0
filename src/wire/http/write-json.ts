/** Writes the answer of a hot route: the headers of any answer (problem.ts), as one list that node writes as it is. Floor 4. */
import type { ServerResponse } from 'node:http'

/** @param connection of ConnectionHeaders */
export function writeJson(response: ServerResponse, body: string, requestId: string, connection: Readonly<Record<string, string>>): void {
  if (response.destroyed) return
  const headers = [
    'content-type',
    'application/json',
    'cache-control',
    'no-store',
    'x-content-type-options',
    'nosniff',
    'x-request-id',
    requestId,
    'content-length',
    String(Buffer.byteLength(body)),
  ]
  for (const name in connection) headers.push(name, connection[name] as string)
  response.writeHead(200, headers)
  response.end(body)
}
