/** A request message as proto-loader shows it → the plain object that HTTP would have sent. The schemas do the rest. Floor 5. */
import { RequestError } from '../../model/error-code.ts'
import { structToJson } from './struct.ts'

type Message = Readonly<Record<string, unknown>>

/** @throws RequestError for a Struct or Timestamp that has no JSON form */
export function plainRequest(message: Message): Record<string, unknown> {
  const json: Record<string, unknown> = {}
  for (const name in message) {
    const value = message[name]
    switch (name) {
      case 'resource':
      case 'attributes':
        json[name] = structToJson(value as Message, name)
        break
      case 'validFrom':
      case 'expiresAt':
      case 'since':
      case 'until':
      case 'at':
        json[name] = rfc3339(value as Message, name)
        break
      case 'tenants':
        json[name] = (value as Message)['ids'] ?? []
        break
      case 'files':
        json[name] = (value as readonly Message[]).map(plainFile)
        break
      // Items and nested checks are parsed one by one by their reader, so that one's fault is that one's.
      default:
        // proto-loader marks a present optional field by a property of its own.
        if (!name.startsWith('_')) json[name] = value
    }
  }
  return json
}

/** An empty file is one, and proto3 cannot tell an empty text from none. */
function plainFile({ name, text }: Message): Message {
  return { name: name ?? '', text: text ?? '' }
}

function rfc3339(timestamp: Message, field: string): string {
  const seconds = Number(timestamp['seconds'] ?? 0)
  const nanos = Number(timestamp['nanos'] ?? 0)
  const date = new Date(seconds * 1000 + Math.floor(nanos / 1_000_000))
  if (nanos < 0 || nanos > 999_999_999 || Number.isNaN(date.getTime()))
    throw new RequestError([{ field, message: 'is not a valid Timestamp' }])
  return date.toISOString()
}
