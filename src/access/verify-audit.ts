/** Does the audit trail hold? Records against their hashes, chains against their heads and against checkpoints. Pure; reads nothing by itself. Floor 3. */
import type { AuditHead, ChainedRecord } from '../model/audit-trail.ts'
import { AUDIT_UNCHAINED_REMEMBERED_MAX } from '../model/observation-limits.ts'
import { ChainWalk } from './verify-chain.ts'
import type { AuditClaim, AuditFinding } from './verify-checkpoints.ts'

export interface AuditEvidence {
  /** Read before the records: so far, nothing may be missing. */
  readonly heads: readonly AuditHead[]
  /** Records of one chain in order of their sequence. */
  readonly records: AsyncIterable<ChainedRecord>
  /** Read after the records: further, nothing may be there. */
  readonly finalHeads: () => Promise<readonly AuditHead[]>
  /** What checkpoints say of the chains. */
  readonly claims: ReadonlyMap<number, readonly AuditClaim[]>
  /** Where the records begin, by chain: behind a checkpoint that is believed. Absent: at the first of all. */
  readonly since?: readonly AuditHead[]
}

export interface AuditVerdict {
  /** Empty: nothing was found. */
  readonly findings: readonly AuditFinding[]
  /** Records that stand in a chain. */
  readonly chained: number
  /** Records from before the first chained one: nothing proves them. */
  readonly unproven: number
  /** Of the records that were looked at, those at which a chain is broken. */
  readonly broken: number
}

/** @param seen called with the number of records so far */
export async function verifyAudit(evidence: AuditEvidence, seen: (records: number) => void = () => undefined): Promise<AuditVerdict> {
  const heads = byChain(evidence.heads)
  const begins = byChain(evidence.since ?? [])
  const walks = new Map<number, ChainWalk>()
  const walkOf = (chain: number) => {
    const known = walks.get(chain)
    if (known !== undefined) return known
    const walk = new ChainWalk(chain, heads.get(chain), evidence.claims.get(chain) ?? [], begins.get(chain))
    walks.set(chain, walk)
    return walk
  }
  const unchained = new Unchained()
  let chained = 0
  for await (const { record, link } of evidence.records) {
    if (link === undefined) unchained.add(record.id)
    else {
      chained++
      walkOf(link.chain).take(record, link)
      unchained.chainedAt(record.id)
    }
    seen(chained + unchained.count)
  }
  const final = byChain(await evidence.finalHeads())
  // A chain of which no record is left is looked at as well.
  for (const chain of [...heads.keys(), ...evidence.claims.keys()]) walkOf(chain)
  const inOrder = [...walks].sort(([a], [b]) => a - b).map(([, walk]) => walk)
  const findings = inOrder.flatMap((walk) => walk.end(final.get(walk.chain)))
  const late = evidence.since === undefined ? unchained.late() : undefined
  if (late !== undefined) findings.push(late.finding)
  return {
    findings,
    chained,
    unproven: unchained.count - (late?.count ?? 0),
    broken: inOrder.reduce((sum, walk) => sum + walk.broken, 0) + (late?.count ?? 0),
  }
}

function byChain(heads: readonly AuditHead[]): ReadonlyMap<number, AuditHead> {
  return new Map(heads.map((head) => [head.chain, head]))
}

/** Records without a link: those from before chaining began come first, so only the last of them can be later ones. */
class Unchained {
  count = 0
  #last: number[] = []
  #firstChained: number | undefined

  add(id: number): void {
    this.count++
    this.#last.push(id)
    if (this.#last.length > 2 * AUDIT_UNCHAINED_REMEMBERED_MAX) this.#last = this.#last.slice(-AUDIT_UNCHAINED_REMEMBERED_MAX)
  }

  chainedAt(id: number): void {
    if (this.#firstChained === undefined || id < this.#firstChained) this.#firstChained = id
  }

  late(): { readonly finding: AuditFinding; readonly count: number } | undefined {
    const began = this.#firstChained
    const late = began === undefined ? [] : this.#last.filter((id) => id > began)
    const [id] = late
    if (id === undefined) return undefined
    const text = `stands in no chain, and others before it do (so many: ${late.length}): written by a process of an older version, or by somebody who was none of ours`
    return { finding: { kind: 'unchained', id, text }, count: late.length }
  }
}
