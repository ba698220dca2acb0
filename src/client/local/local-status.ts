/** What a client says of its local checks. Types only. Floor 6. */

export interface LocalStatus {
  /** `fresh`: answers from memory. `catching-up`: the stream stands, and the service is asked. `asking`: there is no stream, and the service is asked. */
  readonly state: 'fresh' | 'catching-up' | 'asking'
  /** Of the order of all changes: known here up to it; absent before the first stream. */
  readonly position: number | undefined
  /** Milliseconds by which what is known here may be behind at most; infinite before the first heartbeat. */
  readonly ageMs: number
  readonly policyRevision: string | undefined
  /** Pairs of user and tenant, and about their bytes. */
  readonly entries: number
  readonly bytes: number
  /** Decisions of this process since the start, and questions that were passed to the service. */
  readonly decided: number
  readonly asked: number
}
