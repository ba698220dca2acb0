/** What a text takes in memory. Floor 2. */

/** V8's header of a string. */
const HEADER_BYTES = 16
const WIDE = /[\u0100-\uffff]/

export function textBytes(text: string): number {
  return HEADER_BYTES + (WIDE.test(text) ? 2 : 1) * text.length
}

/** The same text, on its own: one that was cut from a longer text would keep all of that in memory. */
export function ownText(text: string): string {
  return JSON.parse(JSON.stringify(text)) as string
}
