/** What a link is about, for the page that asks whether it was meant. Consumes nothing, signs nobody in. Floor 5. */
import { maskEmail } from '../../model/email.ts'
import type { TenantRecord } from '../../model/records.ts'
import type { Store } from '../../store/ports.ts'
import { LoginRefusedError } from '../errors.ts'
import type { Limits } from '../limits.ts'
import type { ChallengeView, Visitor } from '../ports.ts'
import { describeDevice } from './device.ts'
import { hashSecret, isSameDigest, isSecretForm } from './secrets.ts'
import { mayLogIn, Refusal, requireApplication, requireOpen } from './standing.ts'

export interface PeekNeeds {
  readonly store: Pick<Store, 'change' | 'identity' | 'records'>
  readonly limits: Pick<Limits, 'verify'>
  readonly settings: { readonly signUp: boolean; readonly sameBrowser: boolean }
}

export async function peekLogin(needs: PeekNeeds, token: string, visitor: Visitor): Promise<ChallengeView> {
  await needs.limits.verify(visitor.address)
  try {
    return await view(needs, token, visitor)
  } catch (fault) {
    // Not audited: a look changes nothing, and pages are looked at by all who scan mails.
    throw fault instanceof Refusal ? new LoginRefusedError(fault.reason) : fault
  }
}

async function view({ store, settings }: PeekNeeds, token: string, visitor: Visitor): Promise<ChallengeView> {
  const challenge = isSecretForm(token) ? await store.identity.findChallengeByToken(hashSecret(token)) : undefined
  if (challenge === undefined) throw new Refusal('unknown')
  // The database's time, by which the record ends: that of this machine may be another one.
  requireOpen(challenge, await store.change((transaction) => transaction.nowMs()))
  const client = requireApplication(challenge, await store.identity.findClient(challenge.clientId))
  const otherDevice = isOtherBrowser(challenge.bindingHash, visitor)
  if (otherDevice && settings.sameBrowser) throw new Refusal('other browser')
  const device = describeDevice(challenge.agent)
  return {
    kind: challenge.kind,
    maskedEmail: maskEmail(challenge.email),
    application: client.name,
    askedAtMs: challenge.createdAtMs,
    locale: challenge.locale,
    otherDevice,
    tenants: await tenantsToChoose(),
    ...(device === undefined ? {} : { device }),
    ...(challenge.redirectUri === null ? {} : { redirectUri: challenge.redirectUri }),
  }

  async function tenantsToChoose(): Promise<readonly TenantRecord[]> {
    const { user, email, tenant } = { user: challenge?.user ?? null, email: challenge?.email ?? '', tenant: challenge?.tenant ?? null }
    if (user === null && !settings.signUp) throw new Refusal('account')
    if (user !== null && !mayLogIn(await store.records.findUser(user), email)) throw new Refusal('account')
    const tenants = user === null ? [] : await store.identity.listTenantsOf(user)
    if (tenant === null) return tenants
    if (!tenants.some(({ id }) => id === tenant)) throw new Refusal('tenant')
    return []
  }
}

/** An invitation was asked for by no browser, so none is another one. */
export function isOtherBrowser(bindingHash: Uint8Array | null, { binding }: Pick<Visitor, 'binding'>): boolean {
  if (bindingHash === null) return false
  return binding === undefined || !isSameDigest(hashSecret(binding), bindingHash)
}
