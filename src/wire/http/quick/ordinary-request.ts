/** Recognizes the one form that nearly all requests have: where it ends is beyond doubt. Refuses nothing; what is unusual is for node's parser. Floor 4. */

/** Header of a request in HTTP/1.1 (RFC 9112) of which two readers cannot understand different things. */
export interface OrdinaryHead {
  readonly method: string
  readonly path: string
  /** Bytes of the header, the empty line included. */
  readonly bytes: number
  /** Bytes of the body; 0 for none. */
  readonly bodyBytes: number
  /** The sender asks for one answer and the end of the connection. */
  readonly last: boolean
  readonly authorization: string | undefined
  readonly contentType: string | undefined
  readonly requestId: string | undefined
  readonly traceparent: string | undefined
  readonly tracestate: string | undefined
}

/** `incomplete`: the empty line has not come yet. */
export type Head = OrdinaryHead | 'incomplete' | 'unusual'

const REQUEST_LINE = /^(GET|POST|PUT|DELETE) (\/[\x21-\x7e]*) HTTP\/1\.1$/
/** Names are tokens with nothing between them and the colon, values what can be seen: no continued lines, no control characters, nothing beyond ASCII. */
const HEADER_LINES = /^(?:[\w!#$%&'*+.^`|~-]+:[\t\x20-\x7e]*\r\n)+$/
const LENGTH = /^ *\d{1,9} *$/
/** Stands in no ordinary header, however it goes on. */
const NEVER = /[^\t\r\n\x20-\x7e]|(?<!\r)\n/
/** More than anybody sends, and far fewer than those from which on node leaves headers out. */
const HEADERS_MAX = 100
const END = '\r\n\r\n'

/** @param at where in `bytes` the request begins */
export function readHead(bytes: Buffer, at: number): Head {
  const end = bytes.indexOf(END, at, 'latin1')
  if (end === -1) return NEVER.test(bytes.toString('latin1', at)) ? 'unusual' : 'incomplete'
  const text = bytes.toString('latin1', at, end + 2)
  const lineEnd = text.indexOf('\r\n')
  const [, method, path] = REQUEST_LINE.exec(text.slice(0, lineEnd)) ?? []
  if (method === undefined || path === undefined) return 'unusual'
  const lines = text.slice(lineEnd + 2)
  if (!HEADER_LINES.test(lines)) return 'unusual'
  return readLines(lines, method, path, end + END.length - at)
}

function readLines(lines: string, method: string, path: string, bytes: number): Head {
  let host: string | undefined
  let length: string | undefined
  let connection: string | undefined
  let authorization: string | undefined
  let contentType: string | undefined
  let requestId: string | undefined
  let traceparent: string | undefined
  let tracestate: string | undefined
  for (let at = 0, count = 1; at < lines.length; count += 1) {
    if (count > HEADERS_MAX) return 'unusual'
    const colon = lines.indexOf(':', at)
    const end = lines.indexOf('\r\n', colon)
    const name = lines.slice(at, colon).toLowerCase()
    const value = lines.slice(colon + 1, end).trim()
    at = end + 2
    switch (name) {
      case 'host':
        if (host !== undefined || value === '') return 'unusual'
        host = value
        break
      case 'content-length':
        if (length !== undefined || !LENGTH.test(lines.slice(colon + 1, end))) return 'unusual'
        length = value
        break
      case 'authorization':
        if (authorization !== undefined) return 'unusual'
        authorization = value
        break
      case 'content-type':
        if (contentType !== undefined) return 'unusual'
        contentType = value
        break
      case 'x-request-id':
        if (requestId !== undefined) return 'unusual'
        requestId = value
        break
      case 'traceparent':
        if (traceparent !== undefined) return 'unusual'
        traceparent = value
        break
      case 'tracestate':
        if (tracestate !== undefined) return 'unusual'
        tracestate = value
        break
      case 'connection':
        if (connection !== undefined) return 'unusual'
        connection = value.toLowerCase()
        if (connection !== 'keep-alive' && connection !== 'close') return 'unusual'
        break
      // What says where the body ends, how it is to be read, or that this is about to be another protocol.
      case 'transfer-encoding':
      case 'content-encoding':
      case 'proxy-connection':
      case 'upgrade':
      case 'expect':
      case 'trailer':
      case 'te':
      case 'http2-settings':
        return 'unusual'
    }
  }
  if (host === undefined) return 'unusual'
  const bodyBytes = length === undefined ? 0 : Number(length)
  return { method, path, bytes, bodyBytes, last: connection === 'close', authorization, contentType, requestId, traceparent, tracestate }
}
