/** The one text of a JSON value (RFC 8785), so that equal values have equal hashes. Knows no type of the product. Floor 0. */

/** JSON with keys in order of their code units and without blanks. Members that are `undefined` are left out. As deep as the stack: bound what is not ours. */
export function stableJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(stableJson).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  return membersText(value, (_, member) => stableJson(member))
}

/** As `stableJson` writes an object, where a member is written otherwise. */
export function membersText(value: object, text: (key: string, member: unknown) => string): string {
  const members = new Map(Object.entries(value))
  let written = ''
  // The language's own order of texts is that of their code units.
  for (const key of [...members.keys()].sort()) {
    const member = members.get(key)
    if (member !== undefined) written += `${written === '' ? '' : ','}${JSON.stringify(key)}:${text(key, member)}`
  }
  return `{${written}}`
}

/** Whether it can be written as it was read: reading JSON makes Infinity of 1e400, which is written as null, and it reads deeper than it writes. */
export function isWritableJson(value: unknown, levelsMax: number): boolean {
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value !== 'object' || value === null) return true
  return levelsMax > 0 && Object.values(value).every((member) => isWritableJson(member, levelsMax - 1))
}

/**
 * `value` as JSON can carry it and UTF-8 can store it: what JSON leaves out is gone, and half of a surrogate pair has become U+FFFD, in names too.
 * `undefined` becomes `null`.
 */
export function plainJson(value: unknown): unknown {
  const text: string | undefined = JSON.stringify(value)
  return text === undefined ? null : wellFormed(JSON.parse(text))
}

function wellFormed(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed()
  if (Array.isArray(value)) return value.map(wellFormed)
  if (typeof value !== 'object' || value === null) return value
  // Defines members, never sets them: one may be called __proto__.
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name.toWellFormed(), wellFormed(member)]))
}
