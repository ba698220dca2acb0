/** What was seen of a world from outside: what was committed, what was acknowledged, what was asked and answered. Judges nothing (see checker.ts). */
import type { Verdict } from '../../src/model/decision.ts'
import type { Version } from './world/database.ts'

export interface CheckRecord {
  readonly number: number
  readonly replica: string
  /** Of the replica's clock, beside true time. */
  readonly rate: number
  readonly tenant: string
  readonly user: string
  readonly permission: string
  readonly minPosition: number | undefined
  readonly startedAtMs: number
  /** In the order of all that happens in the world. */
  readonly started: number
  /** Asked when nothing had been disturbed for long: it has to be answered. */
  readonly healthy: boolean
  ended: Ended | undefined
}

export interface Ended {
  readonly atMs: number
  readonly number: number
  /** A decision, or the code of the error that stood in for it. */
  readonly answer: Answer | { readonly code: string }
}

export interface Answer {
  readonly verdict: Verdict
  readonly policyRevision: string
  readonly position: number
}

/** A change was told to be in force everywhere, or to have been so already. */
export interface AcknowledgementRecord {
  readonly version: Version
  /** In the order of all that happens in the world. */
  readonly number: number
}

export interface History {
  readonly versions: readonly Version[]
  readonly acknowledged: readonly AcknowledgementRecord[]
  readonly checks: readonly CheckRecord[]
}
