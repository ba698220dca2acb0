/** What local checks rest on, as the service tells it: `AccessService`. Types only. Floor 6. */
import type { AccessEvent } from '../../model/access-event.ts'
import type { AccessState } from '../../model/access-state.ts'
import type { WireCall } from './wire.ts'

export interface LoadedAccess {
  readonly incarnation: string
  /** Its `position`, and `policyPosition` of the activation that goes with it. */
  readonly state: AccessState
  readonly policyRevision: string
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
