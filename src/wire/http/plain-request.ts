/** What a request says, as one plain object: fields of the path, and of the query (GET, DELETE) or of the JSON body (POST, PUT). Floor 4. */
import type { IncomingMessage } from 'node:http'
import { RequestError } from '../../model/error-code.ts'
import { readJsonBody } from './body.ts'
import { hasBody } from './problem.ts'
import { parseQuery } from './query.ts'

export interface RequestShape {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** No body at all is an empty one. */
  readonly bodyOptional?: true
  /** Absent: BODY_BYTES_MAX. */
  readonly bodyBytesMax?: number
  /** Fields that the path names. */
  readonly inPath: readonly string[]
  /** Fields that a query may name where there is no body. */
  readonly elsewhere: readonly string[]
}

export function takesBody({ method }: Pick<RequestShape, 'method'>): boolean {
  return method === 'POST' || method === 'PUT'
}

/** @throws RequestError for a field that is nowhere to be or twice; as readJsonBody */
export async function readPlain(
  shape: RequestShape,
  request: IncomingMessage,
  params: Readonly<Record<string, unknown>>,
  signal: AbortSignal,
): Promise<Record<string, unknown>> {
  const search = searchOf(request.url ?? '')
  if (!takesBody(shape)) {
    if (hasBody(request)) throw new RequestError([{ field: 'body', message: `is not read by ${shape.method}; use the query` }])
    return { ...parseQuery(search, shape.elsewhere), ...params }
  }
  // Secrets come in bodies; whoever puts one into an address learns that at once.
  if (search !== '') parseQuery(search, [])
  const body = await readJsonBody(request, shape.bodyOptional === true, signal, shape.bodyBytesMax)
  const doubled = shape.inPath.filter((name) => Object.hasOwn(body, name))
  if (doubled.length > 0) throw new RequestError(doubled.map((field) => ({ field, message: 'is named by the path already' })))
  return shape.inPath.length === 0 ? body : { ...body, ...params }
}

function searchOf(url: string): string {
  const at = url.indexOf('?')
  return at === -1 ? '' : url.slice(at + 1)
}
