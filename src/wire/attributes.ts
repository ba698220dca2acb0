/** Bounds for JSON objects of attributes, the same on both wires. Types of attributes are the catalogue's matter. Floor 4. */
import { ATTRIBUTE_DEPTH_MAX } from '../model/limits.ts'

/** Says what is wrong with `root`, and where below it, or `undefined`. Iterative: depth is bounded before it can cost a stack. */
export function attributesFault(root: Readonly<Record<string, unknown>>): { readonly at: string; readonly message: string } | undefined {
  const left: { readonly value: unknown; readonly at: string; readonly depth: number }[] = [{ value: root, at: '', depth: 1 }]
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const { value, at, depth } = next
    if (typeof value === 'string') {
      const fault = textFault(value)
      if (fault !== undefined) return { at, message: fault }
    } else if (typeof value === 'number') {
      if (!Number.isFinite(value)) return { at, message: 'must be a finite number' }
    } else if (typeof value === 'object' && value !== null) {
      if (depth > ATTRIBUTE_DEPTH_MAX) return { at: '', message: `must not nest deeper than ${ATTRIBUTE_DEPTH_MAX}` }
      if (Array.isArray(value)) {
        for (let index = 0; index < value.length; index += 1) left.push({ value: value[index], at: `${at}[${index}]`, depth: depth + 1 })
        continue
      }
      for (const [name, item] of Object.entries(value)) {
        if (name === '__proto__') return { at, message: 'must not contain the name "__proto__"' }
        const fault = textFault(name)
        if (fault !== undefined) return { at, message: `has a name that ${fault}` }
        left.push({ value: item, at: `${at}.${name}`, depth: depth + 1 })
      }
    } else if (typeof value !== 'boolean' && value !== null) {
      return { at, message: 'must have a value' }
    }
  }
  return undefined
}

/**
 * What neither wire nor storage carries faithfully. U+FFFD is refused because decoders put it where bytes were not UTF-8:
 * two different broken texts would compare equal.
 */
export function textFault(text: string): string | undefined {
  if (!text.isWellFormed() || text.includes('\ufffd')) return 'must be well-formed Unicode'
  if (text.includes('\u0000')) return 'must not contain NUL'
  return undefined
}
