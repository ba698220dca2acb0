/** What an identity service is to be, from settings. Opens nothing. Floor 6. */
import type { SigningAlgorithm } from '../model/identity.ts'
import type { TlsFiles } from '../wire/http/server.ts'
import type { Address } from './service-plan.ts'
import type { MailSender } from './setting-forms.ts'
import type { Settings } from './setting-table.ts'

export interface IdentityPlan {
  readonly http: Address
  readonly tls: TlsFiles | undefined
  readonly connectionAgeMs: number
  /** Absent: the address that is bound (development). */
  readonly issuer: string | undefined
  readonly audience: string
  /** The first makes, all check. */
  readonly secrets: readonly Uint8Array[]
  readonly algorithm: SigningAlgorithm
  readonly accessTokenSeconds: number
  readonly refreshGraceMs: number
  readonly signUp: boolean
  readonly sameBrowser: boolean
  readonly trustProxyHops: number
  readonly strictSubjects: boolean
  readonly adminTenant: string | undefined
  readonly adminKey: string | undefined
  /** `mailbox`: kept in memory and shown under /dev, with a demo application (development). */
  readonly mail: { readonly url: string; readonly from: MailSender } | 'mailbox'
}

/** The part that settings alone decide. */
export function identityPlanFrom(settings: Settings): Omit<IdentityPlan, 'tls' | 'issuer' | 'audience' | 'secrets' | 'adminKey' | 'mail'> {
  return {
    http: { host: settings.identityHost, port: settings.identityPort },
    connectionAgeMs: settings.connectionAgeSeconds * 1_000,
    algorithm: settings.tokenAlgorithm,
    accessTokenSeconds: settings.accessTokenSeconds,
    refreshGraceMs: settings.refreshGraceSeconds * 1_000,
    signUp: settings.signUp,
    sameBrowser: settings.loginSameBrowser,
    trustProxyHops: settings.trustProxyHops,
    strictSubjects: settings.strictSubjects,
    adminTenant: settings.adminTenant,
  }
}
