/** Joins the parts of the identity service on their foundation and behind an address that is bound already. Closes nothing itself (lifecycle does). Floor 6. */
import { openAdministration } from '../access/administration.ts'
import { openServiceTokens } from '../access/service-token.ts'
import { MemoryLimiter } from '../cache/memory-limiter.ts'
import type { Limiter } from '../cache/ports.ts'
import { RedisLimiter } from '../cache/redis-limiter.ts'
import { openDecisionPoint } from '../decision/decision-point.ts'
import type { WireMetrics } from '../decision/transport/wire-metrics.ts'
import type { Lifecycle } from '../ground/lifecycle.ts'
import { openIdentityAdministration } from '../identity/administration.ts'
import { openAdministrators } from '../identity/administrators.ts'
import { type KeyKeeper, openKeyKeeper } from '../identity/keys/keeper.ts'
import { openLimits } from '../identity/limits.ts'
import { inviteUser } from '../identity/login/invite.ts'
import { openLogin } from '../identity/login/login.ts'
import { Outbox } from '../identity/login/outbox.ts'
import { Mailbox } from '../identity/mail/mailbox.ts'
import type { Mailer } from '../identity/mail/mailer.ts'
import type { IdentityAdministration, TokenIssuer } from '../identity/ports.ts'
import { openTokenIssuer } from '../identity/session/issue.ts'
import { openPermissionIndex } from '../identity/session/permission-index.ts'
import { openSessionService } from '../identity/session/sessions.ts'
import { openIdentityTidy } from '../identity/tidy.ts'
import { identityApp } from '../identity/transport/app.ts'
import { wellKnownDocuments } from '../identity/transport/well-known.ts'
import { REQUEST_TIMEOUT_MS } from '../model/limits.ts'
import { IdentitySecrets, type SecretPurpose } from '../token/secret.ts'
import { TokenVerifier } from '../token/verify.ts'
import { openAdmission } from '../wire/admission.ts'
import { openAuthentication } from '../wire/authentication.ts'
import { type IdentityObserver, openIdentityMetrics } from './identity-metrics.ts'
import type { IdentityPlan } from './identity-plan.ts'
import type { AccessPlan } from './open-access.ts'
import type { Foundation, ServiceNeeds } from './open-foundation.ts'
import type { IdentityWire } from './open-identity-wire.ts'
import { openReadiness } from './readiness.ts'
import { storedPolicyStatus } from './stored-policy-status.ts'

export interface IdentityServiceNeeds extends ServiceNeeds {
  readonly foundation: Foundation
  /** Bound, and serving nothing yet. */
  readonly wire: IdentityWire
  readonly wireMetrics: WireMetrics
  readonly redis: AccessPlan['redis']
  /** False while the process starts or stops. */
  readonly serving: () => boolean
  /** Where the demo application says that decisions are asked for; only beside a mailbox. */
  readonly checkUrl?: string
}

export interface IdentityService {
  readonly administration: IdentityAdministration
  readonly readiness: ReturnType<typeof openReadiness>
}

/** Serves when it resolves. @throws StoreError; IdentitySecretError */
export async function openIdentity(plan: IdentityPlan, needs: IdentityServiceNeeds, lifecycle: Lifecycle): Promise<IdentityService> {
  const { clock, random, log, foundation, wire } = needs
  const { store, access } = foundation
  const { freshness, policy } = access
  const { acknowledgement } = freshness
  const openedAtMs = clock.nowMs()
  const policyStatus = () => storedPolicyStatus(policy, openedAtMs)
  const observe = openIdentityMetrics(needs.metrics)
  const secrets = new IdentitySecrets(plan.secrets)
  const [refreshKeys, codeKeys] = [keysFor(secrets, 'refresh token'), keysFor(secrets, 'login code')]
  const findKeys = async () => (await freshness.keys.find(undefined)).value.keys

  const keys = await openKeyKeeper({
    ...{ store, findKeys, acknowledgement, secrets, clock, random, log, observe },
    algorithm: plan.algorithm,
  })
  lifecycle.add('signing keys', () => keys.close())
  const limits = openLimits({ limiter: openLimiter(needs, lifecycle), key: firstOf(keysFor(secrets, 'limit')), observe })
  const mail = await openMail(plan, needs, lifecycle)
  const outbox = new Outbox({
    ...{ store, mailer: mail.mailer, random, codeKeys, clock, log, observe },
    base: wire.issuer,
    signUp: plan.signUp,
  })
  lifecycle.add('outbox', () => outbox.close())
  const tidy = openIdentityTidy({ store: store.identity, clock, log, observe })
  lifecycle.add('identity tidy', () => tidy.close())

  const issuer = openIssuer(plan, needs, keys, observe)
  const verifier = new TokenVerifier({ issuer: wire.issuer, audience: plan.audience, clock: freshness.databaseTime })
  const common = { store, random, issuer, refreshKeys, acknowledgement, observe }
  const login = openLogin({ ...common, codeKeys, limits, settings: plan, ring: () => outbox.ring() })
  const sessions = openSessionService({
    ...common,
    verify: async (token) => await verifier.verify(token, await findKeys()),
    limits,
    graceMs: plan.refreshGraceMs,
  })
  const administration = openIdentityAdministration({
    ...{ store, acknowledgement, keys },
    accounts: openAdministration({
      ...{ store, policy, acknowledgement, random },
      policyStatus,
      catchUp: () => freshness.catchUp(),
      strictSubjects: plan.strictSubjects,
      adminTenant: plan.adminTenant,
    }),
    invite: (context, input) => inviteUser({ store, random, ring: () => outbox.ring() }, context, input),
  })
  const findCallerByKeyHash = (hash: Uint8Array) => freshness.callers.findByKeyHash(hash)
  const services = openServiceTokens({ keys: freshness.keys, callers: freshness.callers, verifier })
  const callers = openAuthentication({
    findCallerByKeyHash,
    findCallerByToken: (token) => services.findCaller(token),
    adminKey: plan.adminKey,
  })
  const decisions = openDecisionPoint({ resolver: freshness.resolver, access: store.access, policy, clock, random })
  const readiness = openReadiness({
    ...{ serving: needs.serving, store, redis: foundation.redis },
    freshness: () => freshness.status(),
    policyStatus,
    signingFault: () => keys.fault(),
  })
  const admission = openAdmission()
  needs.wireMetrics.watchInFlight('identity', () => admission.inFlight())
  wire.serve((connectionHeaders) =>
    identityApp(
      {
        settings: { issuer: wire.issuer, trustProxyHops: plan.trustProxyHops },
        ...{ login, sessions, administration, readiness, clock, random, log, findCallerByKeyHash },
        clients: store.identity,
        authentication: openAdministrators({
          callers,
          sessions,
          adminTenant: plan.adminTenant,
          check: (user, tenant, permission) => decisions.check({ user, tenant, permission }, AbortSignal.timeout(REQUEST_TIMEOUT_MS)),
        }),
        clientAttempts: limits.clientAttempts,
        findUser: (user) => store.records.findUser(user),
        listTenantsOf: (user) => store.identity.listTenantsOf(user),
        documents: wellKnownDocuments(wire.issuer, () => keys.jwks()),
        permissionIndex: () => store.identity.listPermissionIndex(),
        listRevocations: (since, limit) => store.identity.listRevocations(since, limit),
        ...(mail.mailbox === undefined || needs.checkUrl === undefined ? {} : { dev: { mails: mail.mailbox, checkUrl: needs.checkUrl } }),
        admission,
        ended: (method, code, seconds) => needs.wireMetrics.ended('identity', method, code, seconds),
      },
      connectionHeaders,
    ),
  )
  return { administration, readiness }
}

function openIssuer(plan: IdentityPlan, needs: IdentityServiceNeeds, keys: KeyKeeper, observe: IdentityObserver): TokenIssuer {
  const { clock, random, foundation, wire } = needs
  return openTokenIssuer({
    ...{ clock, random, keys, observe },
    issuer: wire.issuer,
    audience: plan.audience,
    accessTokenSeconds: plan.accessTokenSeconds,
    resolver: foundation.access.freshness.resolver,
    permissionIndex: openPermissionIndex(foundation.store),
  })
}

/** Shared where there is Redis; then it holds over all processes. */
function openLimiter({ clock, random, log, redis, foundation }: IdentityServiceNeeds, lifecycle: Lifecycle): Limiter {
  if (redis === undefined) return new MemoryLimiter({ clock })
  const limiter = new RedisLimiter({ ...redis, clock, random, log, observe: foundation.limiterObserver })
  lifecycle.add('limiter', async () => limiter.close())
  return limiter
}

async function openMail(
  { mail }: IdentityPlan,
  { clock, random }: IdentityServiceNeeds,
  lifecycle: Lifecycle,
): Promise<{ readonly mailer: Mailer; readonly mailbox?: Mailbox['list'] }> {
  if (mail === 'mailbox') {
    const mailbox = new Mailbox({ clock, random })
    return { mailer: mailbox, mailbox: () => mailbox.list() }
  }
  const { SmtpMailer } = await import('../identity/mail/smtp.ts')
  const mailer = new SmtpMailer(mail)
  lifecycle.add('mail', async () => mailer.close())
  return { mailer }
}

function keysFor(secrets: IdentitySecrets, purpose: SecretPurpose): readonly [Buffer, ...Buffer[]] {
  const [first, ...others] = secrets.keysFor(purpose)
  return [first.key, ...others.map(({ key }) => key)]
}

function firstOf([first]: readonly [Buffer, ...Buffer[]]): Buffer {
  return first
}
