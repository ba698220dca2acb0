/** An administrator invites somebody: the account and the mail that leads into it, as one audited change. Floor 5. */
import { changeBy } from '../../access/change.ts'
import { cutOff, recordRevoked } from '../../access/cut-off.ts'
import { requireAllTenants, requireScope } from '../../access/guard.ts'
import type { FieldViolation } from '../../ground/errors.ts'
import type { Random } from '../../ground/random.ts'
import type { ChangeContext, Changed } from '../../model/administration.ts'
import { normalizeEmail } from '../../model/email.ts'
import { RequestError, ServiceError } from '../../model/error-code.ts'
import { INVITATION_LIFE_MS } from '../../model/identity-limits.ts'
import { idFault } from '../../model/ids.ts'
import type { UserRecord } from '../../model/records.ts'
import type { ChangeTransaction, Store } from '../../store/ports.ts'
import type { Invitation } from '../ports.ts'
import { parseStart, requireClient } from './start.ts'

export interface InviteNeeds {
  readonly store: Pick<Store, 'change' | 'identity'>
  readonly random: Random
  /** A mail waits. */
  readonly ring: () => void
}

/**
 * Once more is another mail, and the link of the one before is void then. Who is active already is written to as well:
 * they may have been registered by a grant, and never have logged in.
 * @throws ServiceError `conflict` for a deactivated account, for one that has another address, for an address that another user has, and when a
 * person would give an account that is there its first address
 */
export async function inviteUser(needs: InviteNeeds, context: ChangeContext, input: Invitation): Promise<Changed<UserRecord>> {
  requireScope(context.caller, 'administer')
  requireAllTenants(context.caller)
  const { email } = parseInvitation(input)
  await requireClient(needs.store, input.clientId, input.redirectUri)
  const changed = await changeBy(needs, context, async (change) => {
    const { transaction } = change
    const { record: before, created } = await transaction.ensureUser(input.user)
    requireInvitable(before, email)
    const isOpened = !created && before.email === null
    if (isOpened) refusePerson(context)
    const record: UserRecord = {
      ...before,
      state: created ? 'invited' : before.state,
      email,
      displayName: input.displayName ?? before.displayName,
      // Nothing that was issued to an account before it had a mailbox is good beside what its mailbox gets.
      epoch: isOpened ? before.epoch + 1 : before.epoch,
    }
    await transaction.updateUser(record, before.stateReason)
    if (isOpened) await cutOff(change, input.user, 'account')
    const challengeId = needs.random.uuid()
    await insertInvitation(transaction, challengeId, email, input)
    await transaction.identity.replaceChallenges(challengeId)
    const audited = {
      action: 'user.invite',
      user: input.user,
      target: challengeId,
      before: created ? null : before,
      after: record,
    } as const
    const position = await recordRevoked(change, audited, input.user, isOpened ? [{ epoch: record.epoch }] : [])
    // The feed's head is held: of two changes that give one address to two users the later one sees the other.
    const owners = await transaction.identity.listUsersByEmail(email)
    if (owners.some(({ id }) => id !== input.user)) throw new ServiceError('conflict', 'Another user has this e-mail address.')
    return { record, changed: true, position }
  })
  needs.ring()
  return changed
}

function parseInvitation(input: Invitation): { readonly email: string } {
  const fault = idFault(input.user)
  const violations: FieldViolation[] = fault === undefined ? [] : [{ field: 'user', message: fault }]
  try {
    const parsed = parseStart(input)
    if (violations.length === 0) return parsed
  } catch (error) {
    if (!(error instanceof RequestError)) throw error
    violations.push(...error.violations)
  }
  throw new RequestError(violations)
}

/** An invitation never moves an account to another mailbox: that ends what was given to the one before, and is asked for by itself. */
function requireInvitable(account: UserRecord, email: string): void {
  if (account.state === 'deactivated') throw new ServiceError('conflict', 'The account is deactivated.', { hint: 'Reactivate it first.' })
  if (account.email !== null && normalizeEmail(account.email) !== email)
    throw new ServiceError('conflict', 'The user has another e-mail address.', {
      hint: 'Change it with `castellan user create --email` first.',
    })
}

/** Whose mailbox it is nobody has proved yet: by their own one could otherwise become anybody who was registered without an address. */
function refusePerson({ caller }: ChangeContext): void {
  if (caller.person === undefined) return
  throw new ServiceError('conflict', 'The account is there, and has no e-mail address.', {
    hint: 'An operator with a caller key gives it one, with `castellan user create --email`, or invites.',
  })
}

async function insertInvitation(transaction: ChangeTransaction, id: string, email: string, input: Invitation): Promise<void> {
  await transaction.identity.insertChallenge({
    id,
    kind: 'invitation',
    email,
    user: input.user,
    clientId: input.clientId,
    redirectUri: input.redirectUri ?? null,
    tenant: input.tenant ?? null,
    locale: input.locale ?? 'en',
    agent: null,
    bindingHash: null,
    lifeMs: INVITATION_LIFE_MS,
    mailState: 'waiting',
  })
}
