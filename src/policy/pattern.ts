/** Patterns of tenant ids in which `*` stands for any characters. Linear time, no regular expression. Floor 2. */

/** Greedy by pieces: the first and last are fixed to the ends, each middle piece is taken where it first occurs. */
export function matchesPattern(pattern: string, text: string): boolean {
  const pieces = pattern.split('*')
  const [first = '', ...rest] = pieces
  const last = rest.pop()
  if (last === undefined) return text === first
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false
  const end = text.length - last.length
  let position = first.length
  for (const piece of rest) {
    const found = text.indexOf(piece, position)
    if (found === -1 || found + piece.length > end) return false
    position = found + piece.length
  }
  return true
}
