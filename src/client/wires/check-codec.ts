/** The messages of a check by hand: translated by the library they are most of what a merged check costs. What is unusual in an answer is the library's. Floor 6. */
import type { Question, Resource } from '../client.ts'
import { QUESTION_OVERHEAD_BYTES } from '../limits.ts'
import type { Message } from './grpc-definitions.ts'
import { MessageReader, Unusual } from './message-reader.ts'
import { MessageWriter } from './message-writer.ts'

// Tags: number of the field × 8, and 2 for what has a length, 1 for a double, 0 for a whole number.
const [USER, TENANT, PERMISSION, RESOURCE] = [10, 18, 26, 34]
const [CHECK_MIN_POSITION, CHECK_ACCESS_TOKEN] = [40, 50]
const [BATCH_ITEMS, BATCH_MIN_POSITION, ITEM_ACCESS_TOKEN] = [26, 32, 42]
const [STRUCT_FIELDS, ENTRY_KEY, ENTRY_VALUE] = [10, 10, 18]
const [VALUE_NULL, VALUE_NUMBER, VALUE_TEXT, VALUE_FLAG, VALUE_STRUCT, VALUE_LIST, LIST_VALUES] = [8, 17, 26, 32, 42, 50, 10]

/** CheckRequest. */
export function writeCheck(question: Question, minPosition: number | undefined): Buffer {
  const writer = new MessageWriter(QUESTION_OVERHEAD_BYTES)
  writeQuestion(writer, question, CHECK_ACCESS_TOKEN)
  if (minPosition !== undefined) writer.whole(CHECK_MIN_POSITION, minPosition)
  return writer.bytes()
}

/** BatchCheckRequest. */
export function writeBatch(questions: readonly Question[], minPosition: number | undefined): Buffer {
  const writer = new MessageWriter(QUESTION_OVERHEAD_BYTES * questions.length)
  for (const question of questions) {
    const from = writer.begin(BATCH_ITEMS)
    writeQuestion(writer, question, ITEM_ACCESS_TOKEN)
    writer.end(from)
  }
  if (minPosition !== undefined) writer.whole(BATCH_MIN_POSITION, minPosition)
  return writer.bytes()
}

function writeQuestion(writer: MessageWriter, question: Question, accessTokenTag: number): void {
  const { user, tenant, permission, resource, accessToken } = question
  if (user !== undefined) writer.text(USER, user)
  if (tenant !== undefined) writer.text(TENANT, tenant)
  writer.text(PERMISSION, permission)
  if (resource !== undefined) {
    const from = writer.begin(RESOURCE)
    writeStruct(writer, resource)
    writer.end(from)
  }
  if (accessToken !== undefined) writer.text(accessTokenTag, accessToken)
}

/** As `jsonToStruct` has it. Recursion is safe: a resource was bounded when it was read. */
function writeStruct(writer: MessageWriter, fields: Resource): void {
  for (const name of Object.keys(fields)) {
    const value = fields[name]
    if (value === undefined || name === '__proto__') continue
    const from = writer.begin(STRUCT_FIELDS)
    writer.text(ENTRY_KEY, name)
    writeValue(writer, ENTRY_VALUE, value)
    writer.end(from)
  }
}

function writeValue(writer: MessageWriter, tag: number, value: unknown): void {
  const from = writer.begin(tag)
  if (typeof value === 'string') writer.text(VALUE_TEXT, value)
  else if (typeof value === 'number') writer.double(VALUE_NUMBER, value)
  else if (typeof value === 'boolean') writer.whole(VALUE_FLAG, value ? 1 : 0)
  else if (value === null || value === undefined) writer.whole(VALUE_NULL, 0)
  else if (Array.isArray(value)) {
    const list = writer.begin(VALUE_LIST)
    for (const item of value as unknown[]) writeValue(writer, LIST_VALUES, item)
    writer.end(list)
  } else {
    const struct = writer.begin(VALUE_STRUCT)
    writeStruct(writer, value as Resource)
    writer.end(struct)
  }
  writer.end(from)
}

const RESULT_ITEMS = 10
const ITEM_DECISION = 10
const [ALLOWED, REASON, DECISION_ID, POLICY_REVISION, POSITION, VIA] = [8, 18, 26, 34, 40, 50]
const [VALID_UNTIL, EXPIRED_AT, VALID_FROM, HINT] = [58, 66, 74, 82]
const [SECONDS, NANOS] = [8, 16]
/** The last number of each message; what has another wire type than above, or comes twice, is for the library to say. */
const [RESULT_FIELDS, ITEM_FIELDS, DECISION_FIELDS, TIMESTAMP_FIELDS] = [1, 2, 10, 2]

/** CheckResponse. @returns undefined for what the library has to read */
export function readCheck(bytes: Buffer): Message | undefined {
  return usual(() => {
    const reader = new MessageReader(bytes)
    return readDecision(reader, bytes.length)
  })
}

/** BatchCheckResponse, of decisions only. @returns undefined for what the library has to read: an error in an item, bytes that are none */
export function readBatch(bytes: Buffer): Message | undefined {
  return usual(() => {
    const reader = new MessageReader(bytes)
    const items: Message[] = []
    while (reader.at < bytes.length) {
      const tag = reader.whole()
      if (tag === RESULT_ITEMS) items.push(readItem(reader, reader.end(bytes.length)))
      else skipNew(reader, tag, RESULT_FIELDS, bytes.length)
    }
    return { items }
  })
}

function usual(read: () => Message): Message | undefined {
  try {
    return read()
  } catch (fault) {
    if (fault instanceof Unusual) return undefined
    throw fault
  }
}

function readItem(reader: MessageReader, end: number): Message {
  let decision: Message | undefined
  while (reader.at < end) {
    const tag = reader.whole()
    if (tag === ITEM_DECISION && decision === undefined) decision = readDecision(reader, reader.end(end))
    else skipNew(reader, tag, ITEM_FIELDS, end)
  }
  if (reader.at !== end) throw new Unusual()
  return { decision }
}

function readDecision(reader: MessageReader, end: number): Message {
  let allowed: boolean | undefined
  let reason: string | undefined
  let decisionId: string | undefined
  let policyRevision: string | undefined
  let position: number | undefined
  let via: string[] | undefined
  let validUntil: Message | undefined
  let expiredAt: Message | undefined
  let validFrom: Message | undefined
  let hint: string | undefined
  while (reader.at < end) {
    const tag = reader.whole()
    switch (tag) {
      case ALLOWED:
        allowed = readUpTo(reader, 1) === 1
        break
      case REASON:
        reason = reader.repeatedText(tag, end)
        break
      case DECISION_ID:
        decisionId = reader.text(end)
        break
      case POLICY_REVISION:
        policyRevision = reader.repeatedText(tag, end)
        break
      case POSITION:
        position = reader.whole()
        break
      case VIA:
        via ??= []
        via.push(reader.repeatedText(tag, end))
        break
      case VALID_UNTIL:
        validUntil = readTimestamp(reader, end, validUntil)
        break
      case EXPIRED_AT:
        expiredAt = readTimestamp(reader, end, expiredAt)
        break
      case VALID_FROM:
        validFrom = readTimestamp(reader, end, validFrom)
        break
      case HINT:
        hint = reader.repeatedText(tag, end)
        break
      default:
        skipNew(reader, tag, DECISION_FIELDS, end)
    }
  }
  if (reader.at !== end) throw new Unusual()
  return { allowed, reason, decisionId, policyRevision, position, via, validUntil, expiredAt, validFrom, hint }
}

function readTimestamp(reader: MessageReader, within: number, before: Message | undefined): Message {
  if (before !== undefined) throw new Unusual()
  const end = reader.end(within)
  let seconds: number | undefined
  let nanos: number | undefined
  while (reader.at < end) {
    const tag = reader.whole()
    if (tag === SECONDS) seconds = reader.whole()
    else if (tag === NANOS) nanos = readUpTo(reader, NANOS_MAX)
    else skipNew(reader, tag, TIMESTAMP_FIELDS, end)
  }
  if (reader.at !== end) throw new Unusual()
  return { seconds, nanos }
}

/** Larger ones are cut to the bits of their type. */
function readUpTo(reader: MessageReader, most: number): number {
  const value = reader.whole()
  if (value > most) throw new Unusual()
  return value
}
const NANOS_MAX = 999_999_999

/** Fields that services of a later version send. */
function skipNew(reader: MessageReader, tag: number, known: number, within: number): void {
  if (tag < 8 * (known + 1)) throw new Unusual()
  reader.skip(tag, within)
}
