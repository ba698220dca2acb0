/** One chain of the audit trail, walked record by record; remembers where it broke first. Pure. Floor 3. */
import type { AuditHead, AuditLink } from '../model/audit-trail.ts'
import { AUDIT_EVENT_CHAINS, AUDIT_MOVED_LOOK_MAX } from '../model/observation-limits.ts'
import type { AuditRecord } from '../model/records.ts'
import { hashOfRecord, NO_HASH } from '../store/audit-chain.ts'
import type { AuditClaim, AuditFinding, AuditFindingKind } from './verify-checkpoints.ts'

interface Standing {
  readonly sequence: number
  /** Unknown behind a gap. */
  readonly hash: string | undefined
  readonly id: number | undefined
  readonly broken: boolean
}

export class ChainWalk {
  readonly chain: number
  /** Records at which the chain is broken. */
  broken = 0
  readonly #head: AuditHead | undefined
  readonly #claims: readonly AuditClaim[]
  readonly #begin: number
  #nextClaim = 0
  #last: Standing
  #lastAgreed: number
  #first: AuditFinding | undefined
  #rewritten: AuditFinding | undefined
  #atHead: string | undefined
  #beyondHead: { readonly sequence: number; readonly id: number } | undefined

  /**
   * @param head read before the records; absent: the service has none of this chain
   * @param claims in order of the sequence
   * @param begin the records begin behind it; absent: with the first
   */
  constructor(chain: number, head: AuditHead | undefined, claims: readonly AuditClaim[], begin: AuditHead | undefined) {
    this.chain = chain
    this.#head = head
    this.#claims = claims
    this.#begin = begin?.sequence ?? 0
    this.#last = { sequence: this.#begin, hash: begin?.hash ?? NO_HASH, id: undefined, broken: false }
    this.#lastAgreed = this.#begin
    this.#atHead = head?.sequence === this.#last.sequence ? this.#last.hash : undefined
    while ((claims[this.#nextClaim]?.sequence ?? Number.POSITIVE_INFINITY) <= this.#begin) this.#nextClaim++
  }

  /** @param impossible what in the row nothing of ours can have written */
  take(record: AuditRecord, link: AuditLink, impossible?: string): void {
    const { sequence } = link
    const last = this.#last
    if (sequence <= last.sequence) {
      this.#break('inserted', sequence, record.id, 'stands where another record stands already')
      return
    }
    const gap = sequence - last.sequence - 1
    if (gap > 0) this.#break('deleted', last.sequence + 1, undefined, `${gap} records are gone before id ${record.id}`)
    const fault =
      impossible === undefined
        ? this.#faultOf(record, link, gap > 0 ? undefined : last)
        : ({ kind: 'changed', sequence, id: record.id, text: `holds what nothing of ours writes: ${impossible}` } as const)
    if (fault !== undefined) this.#break(fault.kind, fault.sequence, fault.id, fault.text)
    if (this.#head !== undefined && sequence === this.#head.sequence) this.#atHead = link.hash
    if (sequence > (this.#head?.sequence ?? 0)) this.#beyondHead ??= { sequence, id: record.id }
    this.#last = { sequence, hash: link.hash, id: record.id, broken: fault !== undefined }
    this.#compareClaims(record.id, link)
  }

  /** @param final the head as it was after the last record was read. @returns what was found, at most one of each kind of proof */
  end(final: AuditHead | undefined): readonly AuditFinding[] {
    const { chain } = this
    const { sequence: last, id } = this.#last
    const findings = [this.#first, this.#rewritten].filter((finding) => finding !== undefined)
    const head = this.#head
    if (head === undefined || final === undefined) {
      findings.push({ kind: 'head-missing', chain, text: 'the service has no head of this chain' })
    }
    const claimed = this.#claims.at(-1)
    const known = Math.max(head?.sequence ?? 0, claimed?.sequence ?? 0)
    if (known > last) {
      const checkpoint =
        claimed !== undefined && claimed.sequence === known && known > (head?.sequence ?? 0) ? claimed.checkpoint : undefined
      const witness = checkpoint === undefined ? 'the head' : `checkpoint ${checkpoint}`
      const text = `the chain ends with ${last}, and ${witness} knows of ${known}: ${known - last} records are gone`
      findings.push({ kind: 'cut', chain, sequence: last + 1, ...(checkpoint === undefined ? {} : { checkpoint }), text })
    } else if (head !== undefined && this.#first === undefined && this.#atHead !== head.hash) {
      findings.push(this.#disagreesWithHead(head, head.sequence === last ? id : undefined))
    } else if (final !== undefined && last === final.sequence && this.#first === undefined && this.#last.hash !== final.hash) {
      findings.push(this.#disagreesWithHead(final, id))
    }
    if (final !== undefined && final.sequence < this.#begin) {
      const text = `the head is at ${final.sequence}, behind the checkpoint that the records begin at (${this.#begin})`
      findings.push({ kind: 'cut', chain, sequence: final.sequence + 1, text })
    }
    if (final !== undefined && last > Math.max(final.sequence, this.#begin) && this.#beyondHead !== undefined) {
      const exact = this.#beyondHead.sequence === final.sequence + 1 ? { id: this.#beyondHead.id } : {}
      const text = `stands behind the head of its chain, which is at ${final.sequence}`
      findings.push({ kind: 'inserted', chain, sequence: final.sequence + 1, ...exact, text })
    }
    return findings
  }

  #disagreesWithHead(head: AuditHead, id: number | undefined): AuditFinding {
    const text = 'the head of its chain has another hash: one of the two was replaced'
    return { kind: 'changed', chain: this.chain, sequence: head.sequence, ...(id === undefined ? {} : { id }), text }
  }

  /** @param before absent: what stood before it is gone */
  #faultOf(
    record: AuditRecord,
    link: AuditLink,
    before: Standing | undefined,
  ): { readonly kind: AuditFindingKind; readonly sequence: number; readonly id: number | undefined; readonly text: string } | undefined {
    const { sequence } = link
    const here = { sequence, id: record.id }
    if (hashAt(record, link) !== link.hash) {
      const moved = this.#first === undefined ? placeOf(record, link) : undefined
      if (moved === undefined) return { kind: 'changed', ...here, text: 'is not what was written: its hash is another' }
      return { kind: 'reordered', ...here, text: `was written as ${moved.sequence} of chain ${moved.chain}` }
    }
    if (before?.hash !== undefined && link.previousHash !== before.hash) {
      if (before.id === undefined) return { kind: 'changed', ...here, text: 'does not follow what stands before it' }
      // One that is broken is told already, and this one is not what broke it.
      if (before.broken) return undefined
      const text = `is not what the record after it (id ${record.id}) was written behind: it was replaced`
      return { kind: 'changed', sequence: before.sequence, id: before.id, text }
    }
    if (before?.id !== undefined && record.id <= before.id)
      return { kind: 'reordered', ...here, text: `has an id that is not behind that of the record before it (${before.id})` }
    return undefined
  }

  #compareClaims(id: number, { sequence, hash }: AuditLink): void {
    for (
      let claim = this.#claims[this.#nextClaim];
      claim !== undefined && claim.sequence <= sequence;
      claim = this.#claims[this.#nextClaim]
    ) {
      this.#nextClaim++
      // Of a place that is gone, the gap was told.
      if (claim.sequence < sequence) continue
      if (claim.hash === hash) {
        this.#lastAgreed = sequence
        continue
      }
      const { checkpoint } = claim
      const text = `is not what checkpoint ${checkpoint} signed: rewritten, from a record between ${this.#lastAgreed + 1} and ${sequence} on`
      this.broken++
      this.#rewritten ??= { kind: 'rewritten', chain: this.chain, sequence, id, checkpoint, text }
    }
  }

  #break(kind: AuditFindingKind, sequence: number, id: number | undefined, text: string): void {
    this.broken++
    this.#first ??= { kind, chain: this.chain, sequence, ...(id === undefined ? {} : { id }), text }
  }
}

/** Where the record recomputes to its hash: looked for near by, because a record that was moved is worth more than one that was changed. */
function placeOf(record: AuditRecord, link: AuditLink): { readonly chain: number; readonly sequence: number } | undefined {
  const { chain, sequence, hash } = link
  for (let offset = 1; offset <= AUDIT_MOVED_LOOK_MAX; offset++)
    for (const other of [sequence - offset, sequence + offset])
      if (hashAt(record, { ...link, sequence: other }) === hash) return { chain, sequence: other }
  for (let other = 0; other <= AUDIT_EVENT_CHAINS; other++)
    if (hashAt(record, { ...link, chain: other }) === hash) return { chain: other, sequence }
  return undefined
}

function hashAt(record: AuditRecord, link: AuditLink): string | undefined {
  try {
    return hashOfRecord(record, link)
  } catch {
    // It nests deeper than anything of ours: it is not what was written.
    return undefined
  }
}
