/** One POST to a collector, and what its answer means for a batch. Knows no format. Floor 5. */
import { SINK_ANSWER_BYTES_MAX } from '../../model/observation-limits.ts'
import { RefusedError } from './sink.ts'

export interface PostNeeds {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

/**
 * @returns the answer's text; empty when it is longer than an answer of a collector is
 * @throws RefusedError when the same request would be refused again; anything else may be tried again
 */
export async function post(needs: PostNeeds, body: string | Buffer<ArrayBuffer>, signal: AbortSignal): Promise<string> {
  // Followed, a redirection would carry decisions and credentials to whom nobody named.
  const response = await fetch(needs.url, { method: 'POST', headers: { ...needs.headers }, body, signal, redirect: 'manual' })
  const answer = await readBounded(response)
  if (response.ok) return answer
  // A credential may be put right while the service runs, a batch may not.
  if (response.status === 400 || response.status === 413 || response.status === 422)
    throw new RefusedError(`The collector refused it with ${response.status}`)
  throw new Error(`The collector answered ${response.status}`)
}

async function readBounded(response: Response): Promise<string> {
  if (response.body === null) return ''
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    bytes += chunk.length
    // Leaving the loop lets go of the connection.
    if (bytes > SINK_ANSWER_BYTES_MAX) return ''
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
