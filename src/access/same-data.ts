/** Whether two rows say the same, whatever the order of their keys. Floor 3. */
import { isDeepStrictEqual } from 'node:util'

/** By value, through JSON, as the database keeps attributes: `{a:1,b:2}` equals `{b:2,a:1}`. */
export function sameData(left: unknown, right: unknown): boolean {
  return isDeepStrictEqual(JSON.parse(JSON.stringify(left)), JSON.parse(JSON.stringify(right)))
}
