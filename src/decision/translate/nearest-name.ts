/** The field name somebody may have meant. For short names only, so nothing here needs to be fast. Floor 4. */

/** The known name within two edits of `name`, if there is one. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  if (name.length > 40) return undefined
  let best: string | undefined
  let bestEdits = 3
  for (const candidate of known) {
    const edits = editDistance(name.toLowerCase().replaceAll('_', ''), candidate.toLowerCase())
    if (edits < bestEdits) {
      best = candidate
      bestEdits = edits
    }
  }
  return best
}

function editDistance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (let i = 1; i <= left.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= right.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (left[i - 1] === right[j - 1] ? 0 : 1)
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, replaced))
    }
    row = next
  }
  return row[right.length] ?? 0
}
