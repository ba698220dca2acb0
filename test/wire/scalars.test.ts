import { describe, expect, it } from '@jest/globals'
import { instantSchema } from '../../src/wire/scalars.ts'

describe('an instant on the wires', () => {
  it.each([
    ['a day that the month does not have', '2027-02-30T00:00:00Z'],
    ['after year 9999 once its offset is taken off', '9999-12-31T23:59:59-23:59'],
    ['before 1970 once its offset is taken off', '1970-01-01T00:00:00+23:59'],
    ['no offset', '2026-11-21T09:00:00'],
    ['a date alone', '2026-11-21'],
    ['a number', 1_795_000_000],
  ])('is refused when it is or has %s', (_, text) => {
    expect(instantSchema.safeParse(text).success).toBe(false)
  })

  it('is the millisecond it names, whatever the offset', () => {
    expect(instantSchema.parse('2026-11-21T09:00:00.123456Z')).toBe(Date.UTC(2026, 10, 21, 9, 0, 0, 123))
    expect(instantSchema.parse('2028-02-29T01:00:00+02:00')).toBe(Date.UTC(2028, 1, 28, 23))
    expect(instantSchema.parse('9999-12-31T23:59:59Z')).toBe(Date.UTC(9999, 11, 31, 23, 59, 59))
  })
})
