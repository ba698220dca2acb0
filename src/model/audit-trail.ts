/** The audit trail as a proof: records in chains of hashes, the heads of the chains, and checkpoints that are signed. Floor 1. */
import type { PageInput } from './administration.ts'
import type { Caller } from './caller.ts'
import type { AuditRecord, Page } from './records.ts'

/** Where a record stands: its hash is over its content and this place, so that neither can be changed alone. */
export interface AuditLink {
  readonly chain: number
  /** From 1 on, without gaps. */
  readonly sequence: number
  /** Hash of the record before it in the chain, 64 hex digits; zeros before the first. */
  readonly previousHash: string
  /** SHA-256, 64 hex digits. */
  readonly hash: string
}

export interface ChainPlace {
  readonly chain: number
  /** 0: before the first. */
  readonly sequence: number
}

export interface ChainedRecord {
  readonly record: AuditRecord
  /** Absent: written by a process that knew no chains, or by somebody who was none of ours. */
  readonly link: AuditLink | undefined
  /** Present: what in the row nothing of ours can have written. The record then holds what comes nearest, and a place that cannot be is no link. */
  readonly impossible?: string
}

export interface AuditHead {
  readonly chain: number
  /** 0: nothing was ever written to it. */
  readonly sequence: number
  readonly hash: string
}

/** Records that stand in no chain, from before there were any: all that can be said is that they have not changed since it was first signed. */
export interface UnchainedRecords {
  readonly count: number
  /** The highest of their ids; 0: there are none. */
  readonly lastId: number
  /** Over all of them in order of their ids, each with the hash so far, 64 hex digits; zeros when there are none. */
  readonly hash: string
}

/** What was signed at one moment: whoever keeps it can tell later whether anything before it was cut off or rewritten. */
export interface CheckpointContent {
  /** From 1 on, without gaps. */
  readonly number: number
  readonly atMs: number
  readonly heads: readonly AuditHead[]
  readonly unchained: UnchainedRecords
  /** SHA-256 of the checkpoint before it, over its JWS, 64 hex digits; absent for the first. */
  readonly previous?: string
}

export interface AuditCheckpoint {
  readonly number: number
  readonly atMs: number
  readonly keyId: string
  /** Compact serialization (RFC 7515 §7.1). */
  readonly jws: string
}

/** For verifiers. Each call is guarded inside: scope `audit`, all tenants. */
export interface AuditTrail {
  /** By chain and sequence; records without a link first, by id. @param after absent: all; else only what stands behind this place in its chain */
  listChained(caller: Caller, page: PageInput, after?: ChainPlace): Promise<Page<ChainedRecord>>
  listHeads(caller: Caller): Promise<readonly AuditHead[]>
  /** Numbers of all chains that records stand in, whether or not they have a head. */
  listChains(caller: Caller): Promise<readonly number[]>
  /** Oldest first. */
  listCheckpoints(caller: Caller, page: PageInput): Promise<Page<AuditCheckpoint>>
}
