/** What the identity service's wire asks of the house. Floor 5. */
import type { Clock } from '../../ground/clock.ts'
import type { Log } from '../../ground/log.ts'
import type { Random } from '../../ground/random.ts'
import type { CallerRecord } from '../../model/caller.ts'
import type { PermissionIndexEntry, Revocation } from '../../model/identity.ts'
import type { TenantRecord, UserRecord } from '../../model/records.ts'
import type { Admission } from '../../wire/admission.ts'
import type { Authentication } from '../../wire/authentication.ts'
import type { Readiness } from '../../wire/readiness.ts'
import type { IdentityAdministration, LoginService, SessionService } from '../ports.ts'
import type { ClientDirectory } from './origins.ts'

export interface IdentityWireSettings {
  /** Public address of this service, without a path. */
  readonly issuer: string
  /** Proxies in front whose X-Forwarded-For is believed. */
  readonly trustProxyHops: number
}

/** A document that everybody may read and keep for a while. */
export interface PublicDocument {
  /** JSON text. */
  readonly body: string
  readonly etag?: string
  readonly cacheSeconds: number
}

/** A mail that was not sent, but kept to be looked at (`castellan dev`). */
export interface KeptMail {
  readonly id: string
  readonly to: string
  readonly subject: string
  readonly text: string
  readonly html: string
  readonly atMs: number
}

/** Of `castellan dev` only. */
export interface DevNeeds {
  /** Latest first. */
  readonly mails: () => readonly KeptMail[]
  /** Where the demo application says that decisions are asked for. */
  readonly checkUrl: string
}

/** Failed attempts to prove to be a client, counted by network address and the client: who fails as one must not shut out the others of a network. */
export interface ClientAttempts {
  /** @throws ServiceError `rate_limited` when this address failed too often as this client */
  admit(address: string, clientId: string): Promise<void>
  failed(address: string, clientId: string): Promise<void>
}

export interface IdentityWireNeeds {
  readonly settings: IdentityWireSettings
  readonly login: LoginService
  readonly sessions: SessionService
  readonly administration: IdentityAdministration
  readonly clients: ClientDirectory
  /** Of callers and of administrators, by an Authorization value. */
  readonly authentication: Authentication
  /** By SHA-256 of the key: how a service proves who it is at /oauth/*. */
  readonly findCallerByKeyHash: (keyHash: Uint8Array) => Promise<CallerRecord | undefined>
  readonly clientAttempts: ClientAttempts
  readonly findUser: (user: string) => Promise<UserRecord | undefined>
  /** In which the user has something to do. */
  readonly listTenantsOf: (user: string) => Promise<readonly TenantRecord[]>
  /** By path: `/.well-known/…` (well-known.ts). */
  readonly documents: ReadonlyMap<string, () => Promise<PublicDocument>>
  readonly permissionIndex: () => Promise<readonly PermissionIndexEntry[]>
  readonly listRevocations: (
    since: number,
    limit: number,
  ) => Promise<{ readonly position: number; readonly revocations: readonly Revocation[] }>
  /** Present: the pages under /dev exist. */
  readonly dev?: DevNeeds
  readonly readiness: Readiness
  readonly admission: Admission
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** @param code `ok`, an ErrorCode, or an error of RFC 6749 */
  readonly ended: (method: string, code: string, seconds: number) => void
}
