/** Does the audit trail hold? Records against their hashes, chains against their heads and against checkpoints. Pure; reads nothing by itself. Floor 3. */
import type { AuditHead, ChainedRecord } from '../model/audit-trail.ts'
import { AUDIT_EVENT_CHAINS } from '../model/observation-limits.ts'
import { ChainWalk } from './verify-chain.ts'
import type { AuditClaim, AuditFinding, UnchainedClaim } from './verify-checkpoints.ts'
import { UnchainedWalk } from './verify-unchained.ts'

export interface AuditEvidence {
  /** Read before the records: so far, nothing may be missing. */
  readonly heads: readonly AuditHead[]
  /** Those without a link by id; those of one chain in order of their sequence. */
  readonly records: AsyncIterable<ChainedRecord>
  /** Read after the records: further, nothing may be there. */
  readonly finalHeads: () => Promise<readonly AuditHead[]>
  /** What checkpoints say of the chains. */
  readonly claims: ReadonlyMap<number, readonly AuditClaim[]>
  /** What checkpoints say of the records without a link, those that are believed most first. */
  readonly unchained: readonly UnchainedClaim[]
  /** Until this id processes of the version before wrote records without a link, says the operator. */
  readonly upgradedThrough?: number
  /** Where the records of chains begin, by chain: behind a checkpoint that is believed. Absent: at the first of all. */
  readonly since?: readonly AuditHead[]
}

export interface AuditVerdict {
  /** Empty: nothing was found. */
  readonly findings: readonly AuditFinding[]
  /** Records that stand in a chain. */
  readonly chained: number
  /** Records without a link that may be there: they are from before there were chains. */
  readonly unproven: number
  /** The checkpoint that has them as they are; absent: nothing proves them. */
  readonly unprovenSince: number | undefined
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
  const unchained = new UnchainedWalk(evidence.unchained, evidence.upgradedThrough)
  let chained = 0
  for await (const { record, link, impossible } of evidence.records) {
    if (link === undefined) unchained.take(record, impossible)
    else {
      chained++
      walkOf(link.chain).take(record, link, impossible)
      unchained.chainedAt(record)
    }
    seen(chained + unchained.count)
  }
  const final = byChain(await evidence.finalHeads())
  // A chain of which no record is left is looked at as well, and one of which not even the head is.
  for (const chain of [...Array(AUDIT_EVENT_CHAINS + 1).keys(), ...heads.keys(), ...evidence.claims.keys()]) walkOf(chain)
  const inOrder = [...walks].sort(([a], [b]) => a - b).map(([, walk]) => walk)
  const findings = inOrder.flatMap((walk) => walk.end(final.get(walk.chain)))
  findings.push(...unchained.end())
  return {
    findings,
    chained,
    unproven: Math.max(unchained.count - unchained.broken, 0),
    unprovenSince: unchained.provenBy,
    broken: inOrder.reduce((sum, walk) => sum + walk.broken, 0) + unchained.broken,
  }
}

function byChain(heads: readonly AuditHead[]): ReadonlyMap<number, AuditHead> {
  return new Map(heads.map((head) => [head.chain, head]))
}
