/** google.protobuf.Struct and Value ↔ JSON, as proto-loader shows them. Never sets a prototype; depth is bounded. Floor 5. */
import { RequestError } from '../../model/error-code.ts'
import { ATTRIBUTE_DEPTH_MAX } from '../../model/limits.ts'

type Fields = Readonly<Record<string, unknown>>

/** @throws RequestError when it nests too deep or holds a value that is none */
export function structToJson(struct: Fields, field: string): Record<string, unknown> {
  return objectOf(struct, field, 1)
}

// Recursion is safe here: it stops at ATTRIBUTE_DEPTH_MAX, before any stack could notice.
function objectOf(struct: Fields, field: string, depth: number): Record<string, unknown> {
  if (depth > ATTRIBUTE_DEPTH_MAX) throw new RequestError([{ field, message: `must not nest deeper than ${ATTRIBUTE_DEPTH_MAX}` }])
  const json: Record<string, unknown> = {}
  for (const [name, value] of Object.entries((struct['fields'] ?? {}) as Fields)) {
    if (name === '__proto__') throw new RequestError([{ field, message: 'must not contain the name "__proto__"' }])
    json[name] = jsonOf(value as Fields, field, depth)
  }
  return json
}

function jsonOf(value: Fields, field: string, depth: number): unknown {
  switch (value['kind']) {
    case 'stringValue':
    case 'numberValue':
    case 'boolValue':
      return value[value['kind']]
    case 'nullValue':
      return null
    case 'structValue':
      return objectOf(value['structValue'] as Fields, field, depth + 1)
    case 'listValue': {
      if (depth >= ATTRIBUTE_DEPTH_MAX) throw new RequestError([{ field, message: `must not nest deeper than ${ATTRIBUTE_DEPTH_MAX}` }])
      const list = (value['listValue'] as Fields)['values'] as readonly Fields[] | undefined
      return (list ?? []).map((item) => jsonOf(item, field, depth + 1))
    }
    default:
      throw new RequestError([{ field, message: 'holds a value of no kind' }])
  }
}

/** JSON that we hold ourselves (stored attributes, audit records): its depth is bounded since it came in. */
export function jsonToStruct(json: Fields): unknown {
  const fields: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(json)) if (name !== '__proto__' && value !== undefined) fields[name] = jsonToValue(value)
  return { fields }
}

export function jsonToValue(json: unknown): unknown {
  if (json === null || json === undefined) return { nullValue: 0 }
  if (typeof json === 'string') return { stringValue: json }
  if (typeof json === 'number') return { numberValue: json }
  if (typeof json === 'boolean') return { boolValue: json }
  if (Array.isArray(json)) return { listValue: { values: json.map(jsonToValue) } }
  return { structValue: jsonToStruct(json as Fields) }
}
