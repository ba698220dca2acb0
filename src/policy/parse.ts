/** Text of a policy file to trees with places; the only home of `yaml`. Never throws on any text. Knows no kind of policy. Floor 2. */
import { Composer, type Document, isAlias, isMap, isScalar, isSeq, Lexer, LineCounter, Parser, type YAMLError } from 'yaml'
import {
  POLICY_ALIASED_NODES_MAX,
  POLICY_ALIASES_MAX,
  POLICY_DOCUMENTS_MAX,
  POLICY_FILE_BYTES_MAX,
  POLICY_NESTING_MAX,
  POLICY_NODES_MAX,
} from '../model/policy-limits.ts'
import type { PolicyFault, PolicyFaultCode } from './faults.ts'
import { FaultList, type Place, type SourceEntry, type SourceNode } from './source.ts'
import { Tally } from './tally.ts'

export interface ParsedFile {
  /** One root a document, in order; documents with a fault in their text are left out. */
  readonly documents: readonly SourceNode[]
  readonly faults: readonly PolicyFault[]
}

/** Faults of one file's text that are told: after so many the rest is an echo of the first. */
const SYNTAX_FAULTS_MAX = 50
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const NOT_TEXT = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\ufffd]/

/**
 * @param file name that faults carry
 * @param aliased values that aliases repeated in the files before
 */
export function parseSource(file: string, text: string, aliased = new Tally(POLICY_ALIASED_NODES_MAX)): ParsedFile {
  const faults = new FaultList()
  const start: Place = { file, line: 1, col: 1 }
  if (Buffer.byteLength(text) > POLICY_FILE_BYTES_MAX) {
    faults.error(start, 'too-large', `the file is larger than ${POLICY_FILE_BYTES_MAX} bytes`, 'split it')
    return { documents: [], faults: faults.faults }
  }
  const source = text.startsWith('\ufeff') ? text.slice(1) : text
  const foreign = NOT_TEXT.exec(source)
  if (foreign !== null || !source.isWellFormed()) {
    faults.error(placeIn(file, source, foreign?.index ?? 0), 'not-text', 'the file is not UTF-8 text')
    return { documents: [], faults: faults.faults }
  }
  try {
    return parseDocuments(file, source, faults, aliased)
  } catch (cause) {
    // The library promises faults, not exceptions; should it break that promise, the file is at fault, not the process.
    faults.error(start, 'yaml-syntax', `the file cannot be read as YAML: ${cause instanceof Error ? cause.message : String(cause)}`)
    return { documents: [], faults: faults.faults }
  }
}

function parseDocuments(file: string, source: string, faults: FaultList, aliased: Tally): ParsedFile {
  const lines = new LineCounter()
  const place = (offset: number): Place => {
    const { line, col } = lines.linePos(Math.min(offset, source.length))
    return { file, line: Math.max(line, 1), col: Math.max(col, 1) }
  }
  const tokens = tokenize(source, lines)
  if ('tooDeepAt' in tokens) {
    faults.error(place(tokens.tooDeepAt), 'too-deep', `nested deeper than ${POLICY_NESTING_MAX} levels`)
    return { documents: [], faults: faults.faults }
  }
  // Duplicate keys are looked for below: the library compares each key with each other one.
  const composer = new Composer({
    version: '1.2',
    schema: 'core',
    resolveKnownTags: false,
    stringKeys: true,
    uniqueKeys: false,
    logLevel: 'silent',
  })
  const documents: SourceNode[] = []
  const budget = { nodes: POLICY_NODES_MAX, aliases: POLICY_ALIASES_MAX, aliased }
  let count = 0
  for (const document of composer.compose(tokens.list)) {
    if (++count > POLICY_DOCUMENTS_MAX) {
      faults.error(place(document.range[0]), 'limit-exceeded', `more than ${POLICY_DOCUMENTS_MAX} documents in one file`, 'split it')
      break
    }
    const wrong = [...document.errors, ...document.warnings].slice(0, SYNTAX_FAULTS_MAX)
    for (const fault of wrong) reportSyntax(fault, place(fault.pos[0]), faults)
    if (document.directives.yaml.explicit === true && document.directives.yaml.version !== '1.2')
      faults.error(
        place(document.range[0]),
        'yaml-syntax',
        `YAML ${document.directives.yaml.version} is not read here`,
        'remove the %YAML line',
      )
    else if (wrong.length === 0) {
      const root = new TreeBuilder(place, faults, budget).build(document)
      if (root !== undefined) documents.push(root)
    }
    if (faults.faults.length > SYNTAX_FAULTS_MAX) break
  }
  if (count === 0) faults.warn({ file, line: 1, col: 1 }, 'no-policy', 'the file has no document')
  return { documents, faults: faults.faults }
}

type CstToken = ReturnType<Parser['next']> extends Generator<infer T> ? T : never

/**
 * Composing is recursive, and at thousands of levels it ends the whole process (V8 cannot compile a regular expression
 * with no stack left): so the depth is watched while the text is cut into tokens, which is not recursive.
 */
function tokenize(source: string, lines: LineCounter): { readonly list: readonly CstToken[] } | { readonly tooDeepAt: number } {
  const parser = new Parser(lines.addNewLine)
  const list: CstToken[] = []
  lines.addNewLine(0)
  for (const lexeme of new Lexer().lex(source)) {
    for (const token of parser.next(lexeme)) list.push(token)
    // A level takes up to two places on the stack.
    if (parser.stack.length > 2 * POLICY_NESTING_MAX) return { tooDeepAt: parser.offset }
  }
  for (const token of parser.end()) list.push(token)
  return { list }
}

interface Built {
  readonly node: SourceNode
  /** Nodes and levels after aliases are followed. */
  readonly size: number
  readonly depth: number
}

/** What one file may still bring; `aliased` is that of all files. */
interface Budget {
  nodes: number
  aliases: number
  readonly aliased: Tally
}

/** Turns the library's nodes into ours: plain scalars, distinct string keys, aliases followed within bounds. */
class TreeBuilder {
  readonly #place: (offset: number) => Place
  readonly #faults: FaultList
  readonly #budget: Budget
  readonly #anchors = new Map<string, Built | 'open'>()

  constructor(place: (offset: number) => Place, faults: FaultList, budget: Budget) {
    this.#place = place
    this.#faults = faults
    this.#budget = budget
  }

  /** @returns `undefined` for an empty document or one with a fault */
  build(document: Document.Parsed): SourceNode | undefined {
    const { contents } = document
    if (contents === null || (isScalar(contents) && contents.value === null)) return undefined
    const built = this.#build(contents)
    this.#budget.nodes -= built?.size ?? 0
    return built?.node
  }

  #build(node: unknown): Built | undefined {
    const at = this.#place(offsetOf(node))
    if (isAlias(node)) return this.#follow(node.source, at)
    const anchor = (isScalar(node) || isMap(node) || isSeq(node)) && node.anchor !== undefined ? node.anchor : undefined
    if (anchor !== undefined) this.#anchors.set(anchor, 'open')
    const built = this.#buildOwn(node, at)
    if (anchor !== undefined && built !== undefined) this.#anchors.set(anchor, built)
    return built === undefined ? undefined : this.#spend(built, at)
  }

  #buildOwn(node: unknown, at: Place): Built | undefined {
    if (isMap(node)) return this.#buildMap(node.items, at)
    if (isSeq(node)) {
      const built = node.items.map((item) => this.#build(item))
      const items = built.filter((item) => item !== undefined)
      return items.length < built.length ? undefined : collect({ kind: 'list', at, items: items.map((item) => item.node) }, items)
    }
    const value = isScalar(node) ? node.value : null
    if (value !== null && typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') {
      this.#faults.error(at, 'wrong-type', 'is neither text, number, boolean, list nor mapping')
      return undefined
    }
    return { node: { kind: 'scalar', at, value }, size: 1, depth: 1 }
  }

  #buildMap(pairs: readonly { readonly key: unknown; readonly value: unknown }[], at: Place): Built | undefined {
    const seen = new Set<string>()
    const entries: SourceEntry[] = []
    const values: Built[] = []
    let sound = true
    for (const pair of pairs) {
      const keyAt = this.#place(offsetOf(pair.key))
      const key = isScalar(pair.key) && typeof pair.key.value === 'string' ? pair.key.value : undefined
      const value =
        pair.value === null ? { node: { kind: 'scalar' as const, at: keyAt, value: null }, size: 1, depth: 1 } : this.#build(pair.value)
      if (key === undefined) this.#faults.error(keyAt, 'key-refused', 'a key must be plain text')
      else if (key === '__proto__') this.#faults.error(keyAt, 'key-refused', '"__proto__" is no name')
      else if (seen.has(key)) this.#faults.error(keyAt, 'duplicate-key', `"${clip(key)}" stands here a second time`)
      else if (value !== undefined) {
        seen.add(key)
        entries.push({ key, keyAt, value: value.node })
        values.push(value)
        continue
      }
      // The first of two equal keys is kept, so that the rest of the document is still looked at.
      if (value === undefined) sound = false
    }
    return sound ? collect({ kind: 'map', at, entries }, values) : undefined
  }

  #follow(name: string, at: Place): Built | undefined {
    const target = this.#anchors.get(name)
    if (target === undefined || target === 'open') {
      this.#faults.error(
        at,
        'alias-refused',
        target === undefined ? `there is no anchor "${clip(name)}" above` : `"${clip(name)}" contains itself`,
      )
      return undefined
    }
    if (--this.#budget.aliases < 0) {
      this.#faults.error(at, 'alias-refused', `more than ${POLICY_ALIASES_MAX} aliases in one file`)
      return undefined
    }
    const { aliased } = this.#budget
    // Said once: all that follow would say the same.
    if (aliased.add(target.size))
      this.#faults.error(
        at,
        'alias-refused',
        `aliases repeat more than ${POLICY_ALIASED_NODES_MAX} values in all files`,
        'give a set of permissions a name',
      )
    return aliased.isOver ? undefined : this.#spend(target, at)
  }

  /** Each node counts once where it stands and once more wherever an alias repeats it. */
  #spend(built: Built, at: Place): Built | undefined {
    if (built.depth > POLICY_NESTING_MAX) {
      this.#faults.error(at, 'too-deep', `nested deeper than ${POLICY_NESTING_MAX} levels`)
      return undefined
    }
    if (built.size <= this.#budget.nodes) return built
    this.#faults.error(at, 'alias-refused', `more than ${POLICY_NODES_MAX} values in one file, those that aliases repeat among them`)
    return undefined
  }
}

function collect(node: SourceNode, parts: readonly Built[]): Built {
  let size = 1
  let depth = 0
  for (const part of parts) {
    size += part.size
    depth = Math.max(depth, part.depth)
  }
  return { node, size, depth: depth + 1 }
}

function offsetOf(node: unknown): number {
  const range = typeof node === 'object' && node !== null && 'range' in node ? node.range : undefined
  return Array.isArray(range) && typeof range[0] === 'number' ? range[0] : 0
}

/** In the words of the library, where they are for people. */
function reportSyntax(fault: YAMLError, at: Place, faults: FaultList): void {
  const code = faultCode(fault)
  if (code === 'key-refused') faults.error(at, code, 'a key must be plain text')
  else faults.error(at, code, firstLine(fault.message))
}

function faultCode(fault: YAMLError): PolicyFaultCode {
  switch (fault.code) {
    case 'TAG_RESOLVE_FAILED':
      return 'tag-refused'
    case 'NON_STRING_KEY':
      return 'key-refused'
    case 'BAD_ALIAS':
      return 'alias-refused'
    case 'RESOURCE_EXHAUSTION':
      return 'too-deep'
    default:
      return 'yaml-syntax'
  }
}

function placeIn(file: string, text: string, offset: number): Place {
  const before = text.slice(0, offset)
  return { file, line: before.split('\n').length, col: offset - before.lastIndexOf('\n') }
}

function firstLine(message: string): string {
  return clip(message.split('\n', 1)[0] ?? message)
}

/** A fault quotes what it is about, not a megabyte of it. */
export function clip(text: string): string {
  return text.length <= 200 ? text : `${text.slice(0, 200)}…`
}
