/** The parts of the identity service as they see each other: login, sessions, tokens, keys. Floor 5. */
import type { Acknowledged, ChangeContext, PageInput, Reactivated } from '../model/administration.ts'
import type { Caller } from '../model/caller.ts'
import type { ChallengeRecord, Locale, LoginClientRecord, SessionRecord, SigningKeyRecord } from '../model/identity.ts'
import type { Page, TenantRecord, UserRecord } from '../model/records.ts'

/** What a request tells of its sender. */
export interface Visitor {
  /** Network address, seen through as many proxies as are trusted. */
  readonly address: string
  readonly agent: string | undefined
  /** Value of the binding cookie, when the browser sent one of the right form. */
  readonly binding: string | undefined
  readonly requestId: string
}

export interface LoginStart {
  /** As it was typed. */
  readonly email: string
  readonly clientId: string
  readonly redirectUri?: string
  readonly tenant?: string
  readonly locale?: Locale
}

/** What the verify page shows before the click. */
export interface ChallengeView {
  readonly kind: ChallengeRecord['kind']
  /** `a…@hospital.example` */
  readonly maskedEmail: string
  /** Name of the application. */
  readonly application: string
  readonly askedAtMs: number
  /** Device that asked, in a few words; absent: an invitation, or unknown. */
  readonly device?: string
  readonly locale: Locale
  readonly redirectUri?: string
  /** True: this browser is not the one that asked. */
  readonly otherDevice: boolean
  /** To choose from; one or none: there is no choice. */
  readonly tenants: readonly TenantRecord[]
}

export type LoginAnswer = { readonly token: string } | { readonly challengeId: string; readonly code: string }

export interface LoginChoice {
  readonly tenant?: string
  /** The refresh token goes into a cookie and into no body. */
  readonly cookie: boolean
}

export interface LoginService {
  /**
   * The same work for every address: whether anybody gets a mail is decided by the outbox.
   * @returns binding: value for the binding cookie, the one that was sent when it has the right form
   * @throws RequestError for syntax, an unknown client, or a redirect that is not registered
   * @throws ServiceError `rate_limited` per network address only
   */
  start(input: LoginStart, visitor: Visitor): Promise<{ readonly challengeId: string; readonly binding: string }>
  /** Consumes nothing. @throws LoginRefusedError; ServiceError `rate_limited` */
  peek(token: string, visitor: Visitor): Promise<ChallengeView>
  /**
   * @throws LoginRefusedError for everything that is wrong
   * @throws TenantRequiredError when there is a choice and none was made; nothing is consumed then
   * @throws ServiceError `rate_limited`
   */
  verify(answer: LoginAnswer, choice: LoginChoice, visitor: Visitor): Promise<SignedIn>
}

export interface IssuedTokens {
  readonly accessToken: string
  readonly expiresInSeconds: number
  readonly refreshToken: string
  readonly session: SessionRecord
}

export interface SignedIn extends IssuedTokens {
  readonly redirectUri?: string
  readonly otherDevice: boolean
}

/** Signs access tokens (RFC 9068). */
export interface TokenIssuer {
  /** For the session as it is now; its claims of permissions are a hint, the decision service is the authority. @throws StoreError */
  issueForSession(session: SessionRecord): Promise<{ readonly accessToken: string; readonly expiresInSeconds: number }>
  /** For a service: `sub` and `client_id` are the caller's id, no `sid`, `scope` as granted. */
  issueForService(
    caller: Caller,
    scopes: readonly Caller['scopes'][number][],
  ): Promise<{ readonly accessToken: string; readonly expiresInSeconds: number }>
}

/** A person that an access token proves. */
export interface Person {
  readonly user: string
  readonly tenant: string | null
  readonly sessionId: string
}

export interface SessionService {
  /**
   * The refresh table of the design.
   * @param inCookie where the token came from: it is good in one of the two places only. True: the page was shown to be one that may use the cookie
   * @throws OAuthError `invalid_grant`; ServiceError `rate_limited`
   */
  refresh(presented: string, clientId: string, visitor: Visitor, inCookie?: boolean): Promise<IssuedTokens>
  /**
   * To another tenant of the same person: a new session of the same login (RFC 8693).
   * @param subjectToken newest refresh token, judged as by `refresh` and not used up
   * @throws OAuthError; ServiceError `rate_limited`
   */
  exchange(subjectToken: string, tenant: string, clientId: string, visitor: Visitor, inCookie?: boolean): Promise<IssuedTokens>
  /** @throws OAuthError `invalid_scope` */
  grantToService(
    caller: Caller,
    scope: string | undefined,
    visitor: Visitor,
  ): Promise<{ readonly accessToken: string; readonly expiresInSeconds: number; readonly scope: string }>
  /** RFC 7662: `{active: false}` unless signature, expiry, epoch, session and account hold. */
  introspect(token: string): Promise<Readonly<Record<string, unknown>>>
  /**
   * RFC 7009: ends the login of a refresh or access token, which is all its sessions; resolves when that is in force on every replica. What is not
   * ours is ignored. @throws OAuthError; ServiceError `rate_limited`
   */
  revoke(token: string, clientId: string | undefined, visitor: Visitor): Promise<void>
  /** @throws UnauthenticatedError */
  person(accessToken: string): Promise<Person>
  list(user: string, page: PageInput): Promise<Page<SessionRecord>>
  /** A session of this person, and all others of the same login. @throws NotFoundError; ServiceError `rate_limited` */
  end(person: Person, sessionId: string, visitor: Visitor): Promise<void>
  /** `this` and `others`: of logins, with all their sessions. @throws ServiceError `rate_limited` */
  logOut(person: Person, scope: 'this' | 'others' | 'all', visitor: Visitor): Promise<void>
}

/** The published keys (RFC 7517). */
export interface KeySet {
  readonly keys: readonly Readonly<Record<string, unknown>>[]
}

export interface Invitation {
  readonly user: string
  /** As it was typed. */
  readonly email: string
  readonly displayName?: string
  readonly clientId: string
  readonly redirectUri?: string
  readonly tenant?: string
  readonly locale?: Locale
}

/** Changes to people's logins, applications and keys. Each call is guarded inside (access/guard.ts): a wire cannot forget it. */
export interface IdentityAdministration {
  /** Nobody is told whether the mail arrived. */
  invite(context: ChangeContext, input: Invitation): Promise<Acknowledged<UserRecord>>
  listUsers(caller: Caller, page: PageInput): Promise<Page<UserRecord>>
  /** @throws RequestError without a reason; ServiceError `conflict` for oneself and the last administrator */
  deactivateUser(context: ChangeContext, user: string): Promise<Acknowledged<UserRecord>>
  /** @throws RequestError without a reason */
  reactivateUser(context: ChangeContext, user: string): Promise<Reactivated>
  /** Live ones. */
  listSessions(caller: Caller, user: string, page: PageInput): Promise<Page<SessionRecord>>
  /** @returns those that this call ended */
  endSessions(context: ChangeContext, user: string): Promise<Acknowledged<readonly SessionRecord[]>>
  /** @returns the keys that are not retired afterwards */
  rotateKeys(context: ChangeContext, kind: 'normal' | 'emergency'): Promise<Acknowledged<readonly SigningKeyRecord[]>>
  /** @throws RequestError for a redirect that must not be registered */
  putClient(
    context: ChangeContext,
    input: Pick<LoginClientRecord, 'id' | 'name' | 'redirectUris'>,
  ): Promise<Acknowledged<LoginClientRecord>>
  listClients(caller: Caller, page: PageInput): Promise<Page<LoginClientRecord>>
  /** Its sessions end too. */
  revokeClient(context: ChangeContext, id: string): Promise<Acknowledged<LoginClientRecord>>
}
