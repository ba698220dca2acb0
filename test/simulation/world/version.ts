/** What the simulated database had committed at one moment, and its clock. */
import type { FeedEntry, ReplicaRecord } from '../../../src/store/ports.ts'
import type { Rows } from './rows.ts'

/** What was committed, and from when on everybody who asked saw it. */
export interface Version {
  /** In the order of all that happens in the world. */
  readonly number: number
  readonly position: number
  /** True time. */
  readonly committedAtMs: number
  readonly parent: Version | undefined
  readonly rows: Rows
  readonly entry: FeedEntry | undefined
  /** True time at which the database went away, to come back without this version. */
  lostAtMs: number | undefined
  /** What else a restore brings back. */
  readonly beside: Beside
}

export interface Beside {
  readonly incarnation: number
  readonly recoveries: number
  readonly prunedThrough: number
  readonly replicas: ReadonlyMap<string, ReplicaRecord>
}

/** Its clock at true time 0: not a whole millisecond, as clocks are. */
const ORIGIN_MS = 1_700_000_000_000.7

/** What the database's clock shows at a true time. */
export function databaseMs(trueMs: number): number {
  return ORIGIN_MS + trueMs
}
