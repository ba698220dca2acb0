/** Finds the places of a source file that say a fault, with the words that they may say. Reads text, runs nothing. */

/** A literal of the sources; what is filled in stands for anything. */
export interface Template {
  readonly shown: string
  readonly pattern: RegExp
}
export interface CallSite {
  readonly file: string
  readonly severity: 'error' | 'warning'
  /** Absent: worked out. */
  readonly code: string | undefined
  readonly messages: readonly Template[]
  readonly hints: readonly Template[]
}

const QUOTES = '\'"`'

/** How a fault is said, and which arguments are its code and its message; the hint follows the message. */
const FORMS: readonly {
  readonly start: RegExp
  readonly severity: CallSite['severity']
  readonly code: number
  readonly message: number
}[] = [
  { start: /\bfaults\.error\(/g, severity: 'error', code: 1, message: 2 },
  { start: /\bfaults\.warn\(/g, severity: 'warning', code: 1, message: 2 },
  { start: /(?:\.push\(|\[)fault\(/g, severity: 'error', code: 1, message: 2 },
  { start: /\bthrow (?:refuse|unsound)\(/g, severity: 'error', code: -1, message: 0 },
]

/** Arguments that are no literal, and the words that they may be: by file and expression. */
const ELSEWHERE: Readonly<Record<string, readonly string[]>> = {
  // The library's words, one of them.
  'parse.ts firstLine(fault.message)': ['Missing closing "quote'],
  // The schema's own words: none of its library's are left to say.
  'shape.ts lowerFirst(issue.message)': ['must be a date such as 2026-10-01', 'must be an instant such as 2026-11-21T09:00:00Z'],
}

export function callSites(file: string, source: string): readonly CallSite[] {
  return FORMS.flatMap(({ start, severity, code, message }) =>
    [...source.matchAll(start)].map((found) => {
      const given = splitArguments(source, found.index + found[0].length)
      return {
        file,
        severity,
        code: /^'([a-z-]+)'$/.exec(given[code] ?? '')?.[1],
        messages: templatesOf(file, source, given[message] ?? ''),
        hints: templatesOf(file, source, given[message + 1] ?? ''),
      }
    }),
  )
}

/** Texts of the arguments of a call, from behind its bracket. */
function splitArguments(source: string, from: number): readonly string[] {
  const given: string[] = []
  let depth = 0
  let start = from
  for (let index = from; index < source.length; index++) {
    const character = source.charAt(index)
    if (QUOTES.includes(character)) index = endOfLiteral(source, index)
    else if ('([{'.includes(character)) depth++
    else if (')]}'.includes(character) && depth-- === 0) return [...given, source.slice(start, index).trim()].filter((one) => one !== '')
    else if (character === ',' && depth === 0) {
      given.push(source.slice(start, index).trim())
      start = index + 1
    }
  }
  throw new Error('a call without an end')
}

/** Index of the quote that ends it; what is filled in may hold literals of its own. */
function endOfLiteral(source: string, from: number): number {
  const quote = source.charAt(from)
  for (let index = from + 1; index < source.length; index++) {
    if (source.charAt(index) === '\\') index++
    else if (source.charAt(index) === quote) return index
    else if (quote === '`' && source.startsWith('${', index)) index = endOfHole(source, index + 2)
  }
  throw new Error('a literal without an end')
}

function endOfHole(source: string, from: number): number {
  let depth = 0
  for (let index = from; index < source.length; index++) {
    const character = source.charAt(index)
    if (QUOTES.includes(character)) index = endOfLiteral(source, index)
    else if (character === '{') depth++
    else if (character === '}' && depth-- === 0) return index
  }
  throw new Error('a hole without an end')
}

/** To the end of its line, or of those that go on with a choice. */
function statementFrom(source: string, from: number): string {
  let depth = 0
  for (let index = from; index < source.length; index++) {
    const character = source.charAt(index)
    if (QUOTES.includes(character)) index = endOfLiteral(source, index)
    else if ('([{'.includes(character)) depth++
    else if (')]}'.includes(character)) depth--
    else if (character === '\n' && depth === 0 && !/^\s*[?:]|^\s*kind ===/.test(source.slice(index + 1))) return source.slice(from, index)
  }
  return source.slice(from)
}

/** Every literal that an argument may become: the branches of its choices. */
function templatesOf(file: string, source: string, argument: string): readonly Template[] {
  const elsewhere = ELSEWHERE[`${file} ${argument}`]
  if (elsewhere !== undefined) return elsewhere.map((words) => template(words))
  // A name: what it was given above.
  const given = /^[a-z]\w*$/i.test(argument) ? new RegExp(`\\bconst ${argument} =\\s`).exec(source) : null
  if (given !== null) return templatesOf(file, source, statementFrom(source, given.index + given[0].length))
  const templates: Template[] = []
  for (let index = 0; index < argument.length; index++) {
    const character = argument.charAt(index)
    if (!QUOTES.includes(character)) continue
    const end = endOfLiteral(argument, index)
    const before = argument.slice(0, index).trimEnd()
    // Compared with, looked up by, or looked among: no words for anybody.
    if (end > index + 1 && !/(===|!==|[([,])$/.test(before)) templates.push(template(argument.slice(index + 1, end)))
    index = end
  }
  if (/didYouMean\(/.test(argument)) templates.push({ shown: 'did you mean …', pattern: /^did you mean ".*"\?$/s })
  return templates
}

function template(words: string): Template {
  const pieces: string[] = ['']
  for (let index = 0; index < words.length; index++) {
    if (words.startsWith('${', index)) {
      index = endOfHole(words, index + 2)
      pieces.push('')
    } else {
      if (words.charAt(index) === '\\') index++
      pieces[pieces.length - 1] += words.charAt(index)
    }
  }
  const escaped = pieces.map((piece) => piece.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return { shown: pieces.join('…'), pattern: new RegExp(`^${escaped.join('.*')}$`, 's') }
}
