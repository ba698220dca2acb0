/** A parsed policy file as a tree that knows the place of every key and value. Knows neither YAML nor any kind of policy. Floor 2. */
import { POLICY_FAULTS_COLLECTED_MAX, POLICY_FAULTS_SUGGESTED_MAX } from '../model/policy-limits.ts'
import type { PolicyFault, PolicyFaultCode } from './faults.ts'

export interface Place {
  readonly file: string
  readonly line: number
  readonly col: number
}
export interface SourceScalar {
  readonly kind: 'scalar'
  readonly at: Place
  readonly value: string | number | boolean | null
}
export interface SourceList {
  readonly kind: 'list'
  readonly at: Place
  readonly items: readonly SourceNode[]
}
export interface SourceEntry {
  readonly key: string
  readonly keyAt: Place
  readonly value: SourceNode
}
/** Keys are distinct. */
export interface SourceMap {
  readonly kind: 'map'
  readonly at: Place
  readonly entries: readonly SourceEntry[]
}
export type SourceNode = SourceScalar | SourceList | SourceMap

type Severity = PolicyFault['severity']
/** A function is only asked while few faults have one: looking for the nearest name goes through all names. */
type Hint = string | (() => string | undefined)

/** Faults are collected, never thrown: all of them are wanted at once. Of each severity the first are kept, so that no file can fill the memory. */
export class FaultList {
  readonly #faults: PolicyFault[] = []
  readonly #counts: Record<Severity, number> = { error: 0, warning: 0 }
  #suggested = 0

  get faults(): readonly PolicyFault[] {
    return this.#faults
  }

  error(at: Place, code: PolicyFaultCode, message: string, hint?: Hint): void {
    this.#say('error', at, code, message, hint)
  }

  warn(at: Place, code: PolicyFaultCode, message: string, hint?: Hint): void {
    this.#say('warning', at, code, message, hint)
  }

  /** What another list has collected. */
  take(faults: readonly PolicyFault[]): void {
    for (const fault of faults) if (this.#count(fault.severity)) this.#faults.push(fault)
  }

  /** False: one more of this severity would not be kept, and need not be looked for. */
  hasRoomFor(severity: Severity): boolean {
    return this.#counts[severity] < POLICY_FAULTS_COLLECTED_MAX
  }

  #say(severity: Severity, { file, line, col }: Place, code: PolicyFaultCode, message: string, given?: Hint): void {
    if (!this.#count(severity)) return
    const hint = typeof given === 'function' ? this.#ask(given) : given
    this.#faults.push({ file, line, col, severity, code, message, ...(hint === undefined ? {} : { hint }) })
  }

  #count(severity: Severity): boolean {
    if (!this.hasRoomFor(severity)) return false
    this.#counts[severity]++
    return true
  }

  #ask(hint: () => string | undefined): string | undefined {
    return this.#suggested++ < POLICY_FAULTS_SUGGESTED_MAX ? hint() : undefined
  }
}

/** The value of a key, or nothing: a wrong shape is another check's fault. */
export function childOf(node: SourceNode | undefined, key: string): SourceNode | undefined {
  return entriesOf(node).find((entry) => entry.key === key)?.value
}

export function entriesOf(node: SourceNode | undefined): readonly SourceEntry[] {
  return node?.kind === 'map' ? node.entries : []
}

export function itemsOf(node: SourceNode | undefined): readonly SourceNode[] {
  return node?.kind === 'list' ? node.items : []
}

export function textOf(node: SourceNode | undefined): string | undefined {
  return node?.kind === 'scalar' && typeof node.value === 'string' ? node.value : undefined
}

/** Plain data. Own properties are defined, not assigned, so that no key can reach a prototype. */
export function toPlain(node: SourceNode): unknown {
  if (node.kind === 'scalar') return node.value
  if (node.kind === 'list') return node.items.map(toPlain)
  const plain = {}
  for (const { key, value } of node.entries)
    Object.defineProperty(plain, key, { value: toPlain(value), enumerable: true, writable: true, configurable: true })
  return plain
}

/** The node at a path, or the nearest one above it; `keyAt` is where its key stands. */
export function locate(root: SourceNode, path: readonly PropertyKey[]): { readonly node: SourceNode; readonly keyAt: Place } {
  let node = root
  let keyAt = root.at
  for (const step of path) {
    const entry = typeof step === 'number' ? undefined : entriesOf(node).find(({ key }) => key === step)
    const next: SourceNode | undefined = typeof step === 'number' ? itemsOf(node)[step] : entry?.value
    if (next === undefined) break
    keyAt = entry?.keyAt ?? next.at
    node = next
  }
  return { node, keyAt }
}
