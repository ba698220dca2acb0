/** Names and plain data as YAML that reads back as the same. Writes no documents: those have a form of their own. Floor 2. */

/** What needs no quotes anywhere in a line, also inside brackets. */
const PLAIN = /^[a-z][a-z0-9.-]*$/
/** Words that mean something else than themselves, to YAML 1.2 or to readers who remember 1.1. */
const WORDS: ReadonlySet<string> = new Set(['null', 'true', 'false', 'yes', 'no', 'on', 'off', 'y', 'n'])

/** One word, in quotes where it has to be. */
export function quoted(text: string): string {
  return PLAIN.test(text) && !WORDS.has(text) ? text : JSON.stringify(text)
}

/** Plain data in one line: JSON is YAML. */
export function flow(data: unknown): string {
  return JSON.stringify(data)
}
