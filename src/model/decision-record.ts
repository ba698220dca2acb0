/** One decision as it is recorded: what the log, its sinks, the live stream and auditors see. Plain JSON, masked already. Floor 1. */
import type { Level } from './access-state.ts'
import type { Decision, PermissionsAnswer, Reason } from './decision.ts'
import type { Risk } from './policy.ts'

/** The questions that have a decision id. A check of a stream is a `Check`. */
export type DecidedMethod = 'Check' | 'BatchCheck' | 'CheckPermissions' | 'Explain'

/** Identity of a span in W3C Trace Context (https://www.w3.org/TR/trace-context/), lower-case hex. */
export interface TraceRef {
  /** 32 digits. */
  readonly traceId: string
  /** 16 digits. */
  readonly spanId: string
  readonly sampled: boolean
  /** `tracestate` as it came, for spans that go on from it; no record has it. */
  readonly state?: string
}

/** One decision at the moment of its answer, by reference: cheap to make on the way of a check. Records are built from it afterwards. */
export interface Decided {
  readonly decision: Decision | PermissionsAnswer
  readonly method: DecidedMethod
  readonly wire: 'grpc' | 'http'
  readonly caller: { readonly id: string; readonly name: string }
  readonly requestId: string
  readonly trace: TraceRef | undefined
  /** Wall clock of this process, milliseconds since the epoch. */
  readonly atMs: number
  /** From the request's arrival to its decision, milliseconds. */
  readonly elapsedMs: number
}

/** Hears of every decision, after it was made and before its answer is written: must not wait, throw or do more than it has to. */
export interface DecisionObserver {
  decided(event: Decided): void
}

export interface DecisionRecord {
  readonly type: 'decision'
  /** The decision id that the answer carried. */
  readonly id: string
  /** RFC 3339, milliseconds, UTC: the wall clock of the replica. */
  readonly at: string
  /** Id of the replica that decided. */
  readonly replica: string
  readonly method: DecidedMethod
  readonly wire: 'grpc' | 'http'
  readonly requestId: string
  readonly trace?: string
  readonly span?: string
  readonly caller: { readonly id: string; readonly name: string }
  /** Absent, as is `tenant`: a token that proves nobody. */
  readonly user?: string
  readonly tenant?: string
  /** Full name where it is known; else as asked, or `[unknown]` where that cannot be a name or code. Absent for CheckPermissions. */
  readonly permission?: string
  readonly code?: string
  readonly risk?: Risk
  /** Attributes are only those that the catalogue lists in `log`. */
  readonly resource?: { readonly type?: string; readonly id?: string; readonly attributes?: Readonly<Record<string, unknown>> }
  /** Of CheckPermissions: whether all were allowed. */
  readonly allowed: boolean
  /** Of CheckPermissions: only when one reason decided all. */
  readonly reason?: Reason
  /** CheckPermissions: each name with its answer, in order. */
  readonly permissions?: readonly { readonly permission: string; readonly code?: string; readonly allowed: boolean }[]
  /** Roles that allowed, sorted; empty on a deny. */
  readonly via: readonly string[]
  /** Ids of the assignments that decided, sorted: those that allowed, or whose window or condition said no. */
  readonly assignments: readonly string[]
  /** Roles in force, sorted. */
  readonly roles: readonly string[]
  readonly policyRevision: string
  readonly position: number
  /** Absent: nothing was looked up. */
  readonly level?: Level
  readonly durationMs: number
  /** Share of such decisions that is kept: 1 is all of them, 0.1 one in ten. Denies and high risk are always 1. */
  readonly sampled: number
}

export interface DecisionFilter {
  readonly tenant?: string
  readonly user?: string
  /** Full name. */
  readonly permission?: string
  /** Id of the caller. */
  readonly caller?: string
  readonly allowed?: boolean
  readonly reason?: string
  readonly sinceMs?: number
  readonly untilMs?: number
}
