/** A login is asked for: checked, limited, written down. Does not look for the person: the same work for every address. Floor 5. */
import type { FieldViolation } from '../../ground/errors.ts'
import type { Random } from '../../ground/random.ts'
import { normalizeEmail } from '../../model/email.ts'
import { RequestError } from '../../model/error-code.ts'
import { LOCALES, type LoginClientRecord } from '../../model/identity.ts'
import { LOGIN_LIFE_MS } from '../../model/identity-limits.ts'
import { idFault } from '../../model/ids.ts'
import type { Store } from '../../store/ports.ts'
import type { Limits } from '../limits.ts'
import type { LoginStart, Visitor } from '../ports.ts'
import { cutAgent } from './device.ts'
import { isRegistered } from './redirect.ts'
import { hashSecret, isSecretForm, newSecret } from './secrets.ts'

export interface StartNeeds {
  readonly store: Pick<Store, 'change' | 'identity'>
  readonly limits: Pick<Limits, 'start'>
  readonly random: Random
  /** A mail may be waiting. */
  readonly ring: () => void
}

/**
 * Known, unknown, deactivated, uninvited and throttled addresses run the same statements and get the same answer. No audit row: nothing was
 * changed for anybody, and audit rows are kept for ever, which nobody may make us do without a limit of their own.
 */
export async function startLogin(
  needs: StartNeeds,
  input: LoginStart,
  visitor: Visitor,
): Promise<{ readonly challengeId: string; readonly binding: string }> {
  const { email } = parseStart(input)
  const binding = visitor.binding !== undefined && isSecretForm(visitor.binding) ? visitor.binding : newSecret(needs.random)
  const mayWrite = await needs.limits.start({ email, binding, address: visitor.address })
  await requireClient(needs.store, input.clientId, input.redirectUri)
  const challengeId = needs.random.uuid()
  await needs.store.change(async ({ identity }) => {
    await identity.insertChallenge({
      id: challengeId,
      kind: 'login',
      email,
      user: null,
      clientId: input.clientId,
      redirectUri: input.redirectUri ?? null,
      tenant: input.tenant ?? null,
      locale: input.locale ?? 'en',
      agent: cutAgent(visitor.agent),
      bindingHash: hashSecret(binding),
      lifeMs: LOGIN_LIFE_MS,
      mailState: mayWrite ? 'waiting' : 'dropped',
    })
    // Here and not when the mail leaves, so that it happens to every address. What brings no mail replaces nothing.
    await identity.replaceChallenges(challengeId)
  })
  needs.ring()
  return { challengeId, binding }
}

/** What a login and an invitation are asked for with. @throws RequestError naming each field at fault */
export function parseStart(input: Omit<LoginStart, 'redirectUri'>): { readonly email: string } {
  const email = normalizeEmail(input.email)
  const clientFault = idFault(input.clientId)
  const tenantFault = input.tenant === undefined ? undefined : idFault(input.tenant)
  const violations: FieldViolation[] = []
  if (email === undefined) violations.push({ field: 'email', message: 'must be one e-mail address' })
  if (clientFault !== undefined) violations.push({ field: 'clientId', message: clientFault })
  if (tenantFault !== undefined) violations.push({ field: 'tenant', message: tenantFault })
  if (input.locale !== undefined && !LOCALES.includes(input.locale))
    violations.push({ field: 'locale', message: `must be one of ${LOCALES.join(', ')}` })
  if (email === undefined || violations.length > 0) throw new RequestError(violations)
  return { email }
}

/** @throws RequestError when the application is not registered, or may not be returned to there */
export async function requireClient(
  store: Pick<Store, 'identity'>,
  clientId: string,
  redirectUri: string | undefined,
): Promise<LoginClientRecord> {
  const client = await store.identity.findClient(clientId)
  if (client === undefined || client.revokedAtMs !== null)
    throw new RequestError([{ field: 'clientId', message: 'is not a registered application' }])
  if (redirectUri !== undefined && !isRegistered(client.redirectUris, redirectUri))
    throw new RequestError([{ field: 'redirectUri', message: 'is not registered for this application, character by character' }])
  return client
}
