/** How each wire writes instants and JSON: the only differences between their messages. Floor 5. */
import { jsonToStruct, jsonToValue } from './struct.ts'

export interface WireForm {
  instant(ms: number): unknown
  object(value: Readonly<Record<string, unknown>>): unknown
  /** Any JSON value. */
  value(value: unknown): unknown
  /** A list that has to be told from none: proto3 wraps it. */
  ids(value: readonly string[]): unknown
}

export const httpForm: WireForm = {
  instant: (ms) => new Date(ms).toISOString(),
  object: (value) => value,
  value: (value) => value,
  ids: (value) => value,
}

export const grpcForm: WireForm = {
  instant: (ms) => {
    const seconds = Math.floor(ms / 1000)
    return { seconds, nanos: Math.round((ms - seconds * 1000) * 1_000_000) }
  },
  object: jsonToStruct,
  value: jsonToValue,
  ids: (value) => ({ ids: value }),
}
