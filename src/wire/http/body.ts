/** Reads a JSON body, bounded and only of the type it says to be. Floor 4. */
import type { IncomingMessage } from 'node:http'
import { ServiceError } from '../../model/error-code.ts'
import { BODY_BYTES_MAX } from '../../model/limits.ts'
import { parseJsonBody } from '../json-body.ts'
import { hasBody } from './problem.ts'

const JSON_TYPE = /^application\/json[ \t]*(;[ \t]*charset[ \t]*=[ \t]*("utf-8"|utf-8)[ \t]*)?$/i

/**
 * @param optional whether no body at all means an empty object
 * @param bytesMax where less than usual is enough
 * @throws ServiceError `media_type_unsupported`, `body_too_large`; RequestError for what is not a JSON object
 */
export async function readJsonBody(
  request: IncomingMessage,
  optional: boolean,
  signal: AbortSignal,
  bytesMax: number = BODY_BYTES_MAX,
): Promise<Readonly<Record<string, unknown>>> {
  const type = request.headers['content-type']
  if (optional && !hasBody(request)) return {}
  if (type === undefined || !JSON_TYPE.test(type)) {
    throw new ServiceError('media_type_unsupported', 'The body must be application/json in UTF-8.', {
      hint: 'Send "Content-Type: application/json".',
    })
  }
  return parseJsonBody(await readBytes(request, signal, bytesMax))
}

/** @throws ServiceError `body_too_large`; `media_type_unsupported` for a compressed body */
export async function readBytes(request: IncomingMessage, signal: AbortSignal, bytesMax: number): Promise<Buffer> {
  const encoding = request.headers['content-encoding']
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    throw new ServiceError('media_type_unsupported', 'A compressed body is not accepted.')
  }
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) throw tooLarge(bytesMax)
  return await new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > bytesMax) {
        request.pause()
        reject(tooLarge(bytesMax))
      } else chunks.push(chunk)
    })
    request.on('end', () => resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)))
    request.on('error', () => reject(new ServiceError('cancelled', 'The caller hung up.')))
    // Once a late request is answered node lets go of it without any event: only the signal still ends this waiting.
    if (signal.aborted) reject(signal.reason)
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}

function tooLarge(bytesMax: number): ServiceError {
  return new ServiceError('body_too_large', `The body must be at most ${bytesMax} bytes.`)
}
