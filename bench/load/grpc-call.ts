/** One gRPC call over HTTP/2, of which everything is looked at: what load generators do not. Knows no message. */
import { type ClientHttp2Session, connect } from 'node:http2'
import { unframe } from './frames.ts'

export interface GrpcReply {
  readonly messages: readonly Buffer[]
  /** Of the body, with its frames. */
  readonly bytes: number
}

export interface GrpcCaller {
  /** @throws Error for any status but OK */
  call(path: string, body: Uint8Array, headers: Readonly<Record<string, string>>): Promise<GrpcReply>
  close(): void
}

/** The longest has a thousand checks; a machine that does other things is slow. */
const CALL_MS_MAX = 60_000

export function openGrpcCaller(port: number): GrpcCaller {
  const session = connect(`http://127.0.0.1:${port}`)
  let broken: Error | undefined
  session.on('error', (fault) => {
    broken = fault
  })
  return {
    call: (path, body, headers) => (broken === undefined ? callOnce(session, path, body, headers) : Promise.reject(broken)),
    close: () => session.destroy(),
  }
}

function callOnce(
  session: ClientHttp2Session,
  path: string,
  body: Uint8Array,
  headers: Readonly<Record<string, string>>,
): Promise<GrpcReply> {
  const fields = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers', ...headers }
  const stream = session.request(fields, { signal: AbortSignal.timeout(CALL_MS_MAX) })
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let status: unknown
    let words: unknown
    const look = (seen: Readonly<Record<string, unknown>>) => {
      status ??= seen['grpc-status']
      words ??= seen['grpc-message']
    }
    stream.on('response', look).on('trailers', look)
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('error', reject)
    stream.on('close', () => {
      const bytes = Buffer.concat(chunks)
      if (status !== '0') reject(new Error(`${path} answers with the gRPC status ${String(status)}: ${String(words)}`))
      else resolve({ messages: unframe(bytes), bytes: bytes.length })
    })
    stream.end(body)
  })
}
