/** What local checks rest on, as the service tells it: `AccessService`. Types only. Floor 6. */
import type { AccessState } from '../../model/access-state.ts'
import type { WireCall } from './wire.ts'

export interface LoadedAccess {
  readonly incarnation: string
  /** Its `position`, and `policyPosition` of the activation that goes with it. */
  readonly state: AccessState
  readonly policyRevision: string
}

export type AccessChange = { readonly position: number } & (
  | { readonly kind: 'user' | 'tenant'; readonly fingerprint: number }
  | { readonly kind: 'policy'; readonly revision: string }
)

export type AccessEvent =
  | {
      readonly kind: 'opened'
      readonly incarnation: string
      readonly position: number
      readonly resumed: boolean
      /** Of the caller that watches, and its tenants. */
      readonly callerDigest: string
      /** Resumed: always absent, for what the watcher knows of it stands. Not resumed: in force at the position; absent: none is. */
      readonly policy: { readonly revision: string; readonly position: number } | undefined
    }
  | { readonly kind: 'changes'; readonly changes: readonly AccessChange[]; readonly through: number }
  | {
      readonly kind: 'heartbeat'
      readonly beat: number
      readonly position: number
      readonly ageMs: number
      readonly fresh: boolean
      readonly databaseBeforeMs: number
    }

/** As the stream before told it: what is held is of this caller, and known up to this position. */
export interface WatchedFrom {
  readonly incarnation: string
  readonly position: number
  readonly callerDigest: string
}

export interface AccessWatch {
  /** Asks for a heartbeat of this number. */
  beat(number: number): void
  /** Ends it; nothing is heard of it any more. */
  end(): void
}

/** What the watcher hears, in order; after `ended` nothing. */
export interface AccessListener {
  event(event: AccessEvent): void
  /** By the service or the connection. The error says why. */
  ended(error: Error): void
}

export interface AccessWire {
  /** Rejects with a `CastellanError`. */
  loadAccess(subject: { readonly user: string; readonly tenant: string }, call: WireCall): Promise<LoadedAccess>
  /** Canonical JSON. Rejects with a `CastellanError`. */
  loadPolicy(revision: string, call: Omit<WireCall, 'minPosition'>): Promise<string>
  /** @param from absent: from now on */
  watch(from: WatchedFrom | undefined, listener: AccessListener): AccessWatch
}
