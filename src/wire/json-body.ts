/** Bytes of a request body → JSON value, strictly: what two readers could understand differently is refused. Knows no fields. Floor 4. */
import { isUtf8 } from 'node:buffer'
import { RequestError } from '../model/error-code.ts'
import { BODY_DEPTH_MAX } from '../model/limits.ts'

const QUOTE = 0x22
const COLON = 0x3a
const OPEN_LIST = 0x5b
const BACKSLASH = 0x5c
const CLOSE_LIST = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

/**
 * @throws RequestError for bytes that are not UTF-8, text that is not JSON, nesting too deep, a name given twice in one
 *   object (JSON.parse would keep the last, another reader the first), a `__proto__`, or anything but an object at the top
 */
export function parseJsonBody(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  if (bytes.length === 0) throw bodyError('must be a JSON object, but the body is empty')
  const text = decodeUtf8(bytes)
  const shape = scan(text)
  if (shape.depth > BODY_DEPTH_MAX) throw bodyError(`must not nest deeper than ${BODY_DEPTH_MAX}`)
  const value = parseText(text)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bodyError('must be a JSON object')
  // As many names in the text as in the value, or one of them was swallowed by its twin.
  if (countNames(value) !== shape.names) throw bodyError(`must not give the name ${repeatedName(text)} twice in one object`)
  return value as Record<string, unknown>
}

function bodyError(message: string): RequestError {
  return new RequestError([{ field: 'body', message }])
}

/** Several times as fast as a TextDecoder, which is made anew for each text; a byte order mark stays, and is then no JSON. */
function decodeUtf8(bytes: Uint8Array): string {
  if (!isUtf8(bytes)) throw bodyError('must be UTF-8')
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
}

function parseText(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw bodyError('must be JSON')
  }
}

/** Counts names and depth without building anything; for text that is JSON the counts are exact, for other text they do not matter. */
function scan(text: string): { readonly names: number; readonly depth: number } {
  let names = 0
  let depth = 0
  let open = 0
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charCodeAt(at)
    if (character === QUOTE) at = endOfString(text, at)
    else if (character === COLON) names += 1
    else if (character === OPEN_LIST || character === OPEN_OBJECT) depth = Math.max(depth, ++open)
    else if (character === CLOSE_LIST || character === CLOSE_OBJECT) open -= 1
  }
  return { names, depth }
}

/** Index of the quote that ends the string which starts at `start`; the end of the text when none does. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let backslashes = 0
    while (text.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes += 1
    if (backslashes % 2 === 0) return end
  }
  return text.length
}

function countNames(root: object): number {
  let names = 0
  const left: object[] = [root]
  for (let value = left.pop(); value !== undefined; value = left.pop()) {
    if (Array.isArray(value)) {
      for (const item of value) if (typeof item === 'object' && item !== null) left.push(item)
      continue
    }
    // What JSON.parse makes has nothing inherited that could be walked, nor a name that is not its own.
    for (const name in value) {
      names += 1
      if (name === '__proto__') throw bodyError('must not contain the name "__proto__"')
      const item = (value as Readonly<Record<string, unknown>>)[name]
      if (typeof item === 'object' && item !== null) left.push(item)
    }
  }
  return names
}

/** The first name that stands twice in one object. Only asked for text of which that is known, so it may be slow. */
function repeatedName(text: string): string {
  const open: Set<string>[] = []
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charCodeAt(at)
    if (character === OPEN_OBJECT || character === OPEN_LIST) open.push(new Set())
    else if (character === CLOSE_OBJECT || character === CLOSE_LIST) open.pop()
    else if (character === QUOTE) {
      const end = endOfString(text, at)
      if (/^\s*:/.test(text.slice(end + 1, end + 1 + 64))) {
        const name = String(JSON.parse(text.slice(at, end + 1)))
        const names = open.at(-1)
        if (names?.has(name)) return JSON.stringify(name.slice(0, 64).toWellFormed())
        names?.add(name)
      }
      at = end
    }
  }
  return 'of a field'
}
