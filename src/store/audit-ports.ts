/** The audit trail as a proof, as the house asks the store for it. What is signed and what it proves is not said here. Floor 2. */
import type { PageInput } from '../model/administration.ts'
import type { AuditCheckpoint, AuditHead, ChainedRecord, ChainPlace, UnchainedRecords } from '../model/audit-trail.ts'
import type { Page } from '../model/records.ts'

export interface AuditTrailStore {
  /** Records without a link first, by id; then by chain, sequence and id. @param after absent: all; else only what stands after this place in its chain */
  listChained(page: PageInput, after?: ChainPlace): Promise<Page<ChainedRecord>>
  /** Of one snapshot, by chain. */
  listHeads(): Promise<readonly AuditHead[]>
  /** Numbers of all chains that records stand in. */
  listChains(): Promise<readonly number[]>
  /** Oldest first. */
  listCheckpoints(page: PageInput): Promise<Page<AuditCheckpoint>>
  /**
   * Stores one more checkpoint, unless somebody else is at it, or the last one is younger than `afterMs`, or `sign` says that there is nothing new.
   * @param sign is given the state of one snapshot and the database's time
   */
  addCheckpoint(afterMs: number, sign: SignCheckpoint): Promise<CheckpointTurn>
}

/** All records without a link. @param known answered again when there still are as many, up to the same: what was signed is not read anew each time */
export type ReadUnchained = (known: UnchainedRecords | undefined) => Promise<UnchainedRecords>

export type SignCheckpoint = (
  last: AuditCheckpoint | undefined,
  heads: readonly AuditHead[],
  atMs: number,
  unchained: ReadUnchained,
) => Promise<AuditCheckpoint | undefined>

export interface CheckpointTurn {
  /** Absent: none was made. */
  readonly made: AuditCheckpoint | undefined
  /** On the database's clock: when all records were last covered by a checkpoint; absent: never, or somebody else is at it. */
  readonly coveredAtMs: number | undefined
  /** Milliseconds until the next one is due. */
  readonly nextInMs: number
}
