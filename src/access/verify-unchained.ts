/** Records that stand in no chain, held against the checkpoint that first signed them, in order of their ids. Pure. Floor 3. */
import type { UnchainedRecords } from '../model/audit-trail.ts'
import { AUDIT_UNCHAINED_REMEMBERED_MAX } from '../model/observation-limits.ts'
import type { AuditRecord } from '../model/records.ts'
import { hashOfUnchained, NO_UNCHAINED } from '../store/audit-chain.ts'
import type { AuditFinding, UnchainedClaim } from './verify-checkpoints.ts'

interface Found {
  readonly id: number
  readonly atMs: number
}

export class UnchainedWalk {
  count = 0
  /** Of those that have no business to be there. */
  broken = 0
  readonly #claim: UnchainedClaim | undefined
  readonly #through: number | undefined
  #signed: UnchainedRecords = NO_UNCHAINED
  readonly #below: Tally = { count: 0, first: undefined }
  readonly #late: Tally = { count: 0, first: undefined }
  readonly #impossible: Tally & { text: string } = { count: 0, first: undefined, text: '' }
  #last: Found[] = []
  #youngest: Found | undefined
  #firstChained: Found | undefined

  /**
   * @param claims those that are believed most first
   * @param upgradedThrough until this id processes of the version before wrote, says the operator; absent: none since the first checkpoint
   */
  constructor(claims: readonly UnchainedClaim[], upgradedThrough: number | undefined) {
    this.#claim = claimFor(claims, upgradedThrough)
    this.#through = upgradedThrough ?? this.#claim?.lastId
  }

  take(record: AuditRecord, impossible: string | undefined): void {
    const { id, atMs } = record
    this.count++
    if (impossible !== undefined && this.#impossible.count === 0) this.#impossible.text = impossible
    if (impossible !== undefined) count(this.#impossible, id)
    if (this.#claim !== undefined && id <= this.#claim.lastId)
      this.#signed = { count: this.#signed.count + 1, lastId: id, hash: hashOfUnchained(record, this.#signed.hash) }
    if (id < 1) count(this.#below, id)
    else if (this.#through !== undefined && id > this.#through) count(this.#late, id)
    if (this.#through !== undefined) return
    if (this.#youngest === undefined || atMs > this.#youngest.atMs) this.#youngest = { id, atMs }
    this.#last.push({ id, atMs })
    if (this.#last.length > 2 * AUDIT_UNCHAINED_REMEMBERED_MAX) this.#last = this.#last.slice(-AUDIT_UNCHAINED_REMEMBERED_MAX)
  }

  chainedAt({ id, atMs }: AuditRecord): void {
    const first = this.#firstChained
    this.#firstChained = { id: Math.min(first?.id ?? id, id), atMs: Math.min(first?.atMs ?? atMs, atMs) }
  }

  /** Number of the checkpoint that they are as; absent: there is none, or they are not. */
  get provenBy(): number | undefined {
    const [claim, signed] = [this.#claim, this.#signed]
    return claim !== undefined && signed.count === this.count && signed.hash === claim.hash ? claim.checkpoint : undefined
  }

  end(): readonly AuditFinding[] {
    const findings: AuditFinding[] = []
    const tell = (tally: Tally, text: string) => {
      if (tally.first === undefined) return
      findings.push({ kind: 'unchained', id: tally.first, text: `stands in no chain, ${text} (so many: ${tally.count})` })
      this.broken += tally.count
    }
    const impossible = this.#impossible
    if (impossible.first !== undefined) {
      findings.push({ kind: 'changed', id: impossible.first, text: `holds what nothing of ours writes: ${impossible.text}` })
      this.broken += impossible.count
    }
    tell(this.#below, 'and has an id that no sequence of ours gives: somebody put it there')
    const differs = this.#differs()
    if (differs !== undefined) {
      findings.push(differs)
      this.broken++
    }
    tell(
      this.#through === undefined ? this.#lateByChains() : this.#late,
      'and others before it do: written by a process of an older version (see --upgraded-through), or by somebody who was none of ours',
    )
    return findings
  }

  /** No checkpoint says which there were: then those that came, or say that they came, after the first that stands in a chain. */
  #lateByChains(): Tally {
    const began = this.#firstChained
    if (began === undefined) return { count: 0, first: undefined }
    const late = this.#last.filter(({ id, atMs }) => id >= 1 && (id > began.id || atMs > began.atMs))
    if (late[0] !== undefined) return { count: late.length, first: late[0].id }
    const youngest = this.#youngest
    return youngest !== undefined && youngest.id >= 1 && youngest.atMs > began.atMs
      ? { count: 1, first: youngest.id }
      : { count: 0, first: undefined }
  }

  #differs(): AuditFinding | undefined {
    const claim = this.#claim
    const found = this.#signed
    if (claim === undefined || (found.count === claim.count && found.hash === claim.hash)) return undefined
    const { checkpoint, lastId } = claim
    const what = `without a chain, with ids up to ${lastId}, than checkpoint ${checkpoint} signed`
    if (found.count < claim.count) {
      const id = found.lastId === lastId ? {} : { id: lastId }
      return { kind: 'deleted', checkpoint, ...id, text: `there are ${claim.count - found.count} fewer records ${what}` }
    }
    const more = found.count - claim.count
    if (more > 0)
      // Those that have an impossible id are told already.
      return more === this.#below.count ? undefined : { kind: 'inserted', checkpoint, text: `there are ${more} more records ${what}` }
    const id = claim.count === 1 ? { id: found.lastId } : {}
    return { kind: 'changed', checkpoint, ...id, text: `there are other records ${what}: one was changed or replaced` }
  }
}

interface Tally {
  count: number
  first: number | undefined
}

function count(tally: Tally, id: number): void {
  tally.count++
  tally.first ??= id
}

/** The first that was signed; when older processes wrote on, the first that has seen all of theirs, or the last there is. */
function claimFor(claims: readonly UnchainedClaim[], through: number | undefined): UnchainedClaim | undefined {
  if (through === undefined) return claims[0]
  const [first] = [...claims].sort((a, b) => b.lastId - a.lastId)
  return claims.find(({ lastId }) => lastId >= through) ?? first
}
