/** A parsed policy file as a tree that knows the place of every key and value. Knows neither YAML nor any kind of policy. Floor 2. */
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

/** Faults are collected, never thrown: all of them are wanted at once. */
export class FaultList {
  readonly faults: PolicyFault[] = []

  error(at: Place, code: PolicyFaultCode, message: string, hint?: string): void {
    this.faults.push({ ...at, severity: 'error', code, message, ...(hint === undefined ? {} : { hint }) })
  }

  warn(at: Place, code: PolicyFaultCode, message: string, hint?: string): void {
    this.faults.push({ ...at, severity: 'warning', code, message, ...(hint === undefined ? {} : { hint }) })
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
