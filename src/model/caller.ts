/** Who calls us: a service, an operator or an automation, with scopes and tenants. Not a subject of decisions. Floor 1. */

/** `replicate`: decides by itself, so it is given what decisions rest on, attributes of people and the whole policy among it. */
export type Scope = 'decide' | 'administer' | 'publish' | 'audit' | 'replicate'
export const SCOPES: readonly Scope[] = ['decide', 'administer', 'publish', 'audit', 'replicate']

export interface Caller {
  readonly id: string
  readonly name: string
  readonly scopes: readonly Scope[]
  /** `null`: all tenants. */
  readonly tenants: readonly string[] | null
  /** Absent or `null`: without end. */
  readonly expiresAtMs?: number | null
  /** Made by a setting or by this process itself, so that nobody can revoke it; absent: it has a row, without which it changes nothing. */
  readonly builtIn?: true
  /** They have no row of callers: what stands for them is their account, their session and their roles. */
  readonly person?: AdministratingPerson
}

/** A person who administers by an access token, as they were let in. */
export interface AdministratingPerson {
  readonly user: string
  readonly sessionId: string
  /** Of administrators. */
  readonly tenant: string
  /** Each of them alone lets them administer there, by this policy. */
  readonly roles: readonly string[]
  readonly policyRevision: string
}

/** A stored caller; its key is kept only as a SHA-256. */
export interface CallerRecord extends Caller {
  readonly createdAtMs: number
  readonly expiresAtMs: number | null
  readonly revokedAtMs: number | null
}

/** As AccessState: position and row of one snapshot, the time after it. Absent: there is none, or it may not call. */
export interface CallerReading {
  readonly position: number
  readonly readAtMs: number
  readonly caller: CallerRecord | undefined
}
