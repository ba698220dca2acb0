/** One HTTP/1.1 request as text, and one call of it of which everything is looked at. Knows no body. */
import { once } from 'node:events'
import { connect } from 'node:net'

export interface HttpReply {
  readonly status: number
  readonly body: string
  /** With its head, as a load generator counts them. */
  readonly bytes: number
}

/** As it goes over the wire: the load generator sends the same text that was tried. */
export function requestText(port: number, path: string, headers: Readonly<Record<string, string>>, body: string): string {
  const fields = {
    host: `127.0.0.1:${port}`,
    'content-type': 'application/json',
    ...headers,
    'content-length': String(Buffer.byteLength(body)),
  }
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}`)
  return [`POST ${path} HTTP/1.1`, ...lines, '', body].join('\r\n')
}

const CALL_MS_MAX = 60_000
const HEAD_END = '\r\n\r\n'

/** @throws Error for an answer that does not say how long it is */
export async function callHttp(port: number, text: string): Promise<HttpReply> {
  const signal = AbortSignal.timeout(CALL_MS_MAX)
  const socket = connect({ port, host: '127.0.0.1' })
  try {
    await once(socket, 'connect', { signal })
    socket.write(text)
    let seen = Buffer.alloc(0)
    for (;;) {
      const [chunk] = (await once(socket, 'data', { signal })) as [Buffer]
      seen = Buffer.concat([seen, chunk])
      const reply = parseReply(seen)
      if (reply !== undefined) return reply
    }
  } finally {
    socket.destroy()
  }
}

/** @returns nothing while it is not whole */
export function parseReply(seen: Buffer): HttpReply | undefined {
  const end = seen.indexOf(HEAD_END)
  if (end < 0) return undefined
  const head = seen.subarray(0, end).toString('latin1')
  const bodyAt = end + HEAD_END.length
  const body = /transfer-encoding: *chunked/i.test(head) ? chunkedBody(seen.subarray(bodyAt)) : plainBody(seen.subarray(bodyAt), head)
  if (body === undefined) return undefined
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1] ?? 0), body: body.text, bytes: bodyAt + body.bytes }
}

interface Body {
  readonly text: string
  readonly bytes: number
}

function plainBody(rest: Buffer, head: string): Body | undefined {
  const length = /^content-length: *(\d+)/im.exec(head)?.[1]
  if (length === undefined) throw new Error(`An answer of HTTP does not say how long it is:\n${head}`)
  return rest.length < Number(length) ? undefined : { text: rest.subarray(0, Number(length)).toString(), bytes: Number(length) }
}

function chunkedBody(rest: Buffer): Body | undefined {
  const parts: Buffer[] = []
  let at = 0
  for (;;) {
    const lineEnd = rest.indexOf('\r\n', at)
    if (lineEnd < 0) return undefined
    const size = Number.parseInt(rest.subarray(at, lineEnd).toString('latin1'), 16)
    const next = lineEnd + 2 + size + 2
    if (rest.length < next) return undefined
    if (size === 0) return { text: Buffer.concat(parts).toString(), bytes: next }
    parts.push(rest.subarray(lineEnd + 2, lineEnd + 2 + size))
    at = next
  }
}
