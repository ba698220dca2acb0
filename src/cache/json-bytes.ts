/** What a parsed JSON value takes in memory. Floor 2. */
import { textBytes } from './text-bytes.ts'

/** Of an object or array: itself, its shape or its list of elements. */
const HOLDER_BYTES = 56
/** Of each member or element: its place, and the number or header that it points to. */
const MEMBER_BYTES = 24

/** About; by its form, as one long text takes no more than its characters do, and a thousand short ones far more. */
export function jsonBytes(value: unknown): number {
  if (typeof value === 'string') return textBytes(value)
  if (typeof value !== 'object' || value === null) return 0
  let bytes = HOLDER_BYTES
  if (Array.isArray(value)) for (const element of value) bytes += MEMBER_BYTES + jsonBytes(element)
  else for (const [key, member] of Object.entries(value)) bytes += MEMBER_BYTES + textBytes(key) + jsonBytes(member)
  return bytes
}
