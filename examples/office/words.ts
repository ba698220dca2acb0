/** Reasons of decisions in words for the people of the office. An application says such things in its own way. */
import type { Decision } from 'castellan/client'

const WORDS: Readonly<Record<string, string>> = {
  NO_ASSIGNMENT: 'You have no role here. Whoever looks after roles can give you one.',
  ROLE_LACKS_PERMISSION: 'None of your roles includes this.',
  ASSIGNMENT_EXPIRED: 'You could until your temporary role ended.',
  NOT_YET_VALID: 'You will be able to when your role begins.',
  CONDITION_FAILED: 'You may do this in general, but not with this one.',
  ATTRIBUTE_MISSING: 'Something that has to be known for this is missing.',
  VARIABLE_UNSET: 'Something that has to be known about you for this is missing.',
  ACCOUNT_DEACTIVATED: 'Your account is closed.',
  TENANT_SUSPENDED: 'Everything is closed at the moment.',
  PERMISSION_DISABLED: 'This is not open to anybody yet.',
}

export function inWords({ reason, hint, expiredAt, validFrom }: Decision): string {
  const words = WORDS[reason] ?? 'This is not allowed.'
  const when = expiredAt ?? validFrom
  return [words, ...(when === undefined ? [] : [`That is ${when.toUTCString()}.`]), ...(hint === undefined ? [] : [`${hint}.`])].join(' ')
}
