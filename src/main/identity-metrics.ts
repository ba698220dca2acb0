/** Counts what happens in the identity service, for dashboards. Labels are bounded: results and limits are those of our tables. Floor 6. */
import type { Metrics } from '../ground/metrics.ts'
import type { KeyAges, KeyObserver } from '../identity/keys/keeper.ts'
import { LIMITS, type LimitNeeds } from '../identity/limits.ts'
import type { OutboxNeeds } from '../identity/login/outbox.ts'
import type { VerifyNeeds } from '../identity/login/verify.ts'
import type { IssuerNeeds } from '../identity/session/issue.ts'
import type { RefreshNeeds } from '../identity/session/refresh.ts'
import type { IdentityTidyNeeds } from '../identity/tidy.ts'
import { ACCESS_TOKEN_CHARACTERS_MAX } from '../model/identity-limits.ts'

export type IdentityObserver = KeyObserver &
  LimitNeeds['observe'] &
  OutboxNeeds['observe'] &
  VerifyNeeds['observe'] &
  IssuerNeeds['observe'] &
  RefreshNeeds['observe'] &
  IdentityTidyNeeds['observe']

const CHARACTERS_BUCKETS = [500, 750, 1_000, 1_500, 2_000, 3_000, ACCESS_TOKEN_CHARACTERS_MAX]

export function openIdentityMetrics(metrics: Metrics): IdentityObserver {
  const logins = metrics.counter('castellan_logins_total', 'Links and codes that were answered, by result', ['result'])
  const refreshes = metrics.counter('castellan_refreshes_total', 'Refresh tokens that were presented, by result', ['result'])
  const limited = metrics.counter('castellan_limited_total', 'Attempts beyond a limit', ['limit'])
  const characters = metrics.histogram(
    'castellan_token_characters',
    'Length of access tokens, by the form of what they list',
    ['form'],
    CHARACTERS_BUCKETS,
  )
  const mails = metrics.counter('castellan_mails_total', 'Attempts to send a mail, by result', ['result'])
  let ages: KeyAges = {}
  metrics.gauge('castellan_signing_key_age_seconds', 'Age of the oldest signing key of each state', ['state'], (gauge) => {
    gauge.reset()
    for (const [state, seconds] of Object.entries(ages)) gauge.set({ state }, seconds)
  })
  // Not known before the first look.
  let backlog = { waiting: Number.NaN, oldestMs: Number.NaN }
  metrics.gauge('castellan_mail_waiting', 'Mails that wait to be sent, in all processes', [], (gauge) => gauge.set(backlog.waiting))
  metrics.gauge('castellan_mail_waiting_seconds', 'How long the oldest of them has been due', [], (gauge) =>
    gauge.set(backlog.oldestMs / 1_000),
  )
  // From the start, so that a rate knows what it grew from.
  for (const result of ['link', 'code', 'repeated', 'refused', 'tenant-required']) logins.inc({ result }, 0)
  for (const result of [
    'rotated',
    'grace',
    'reused',
    'reused by another agent',
    'ahead',
    'revoked',
    'expired',
    'account',
    'unknown',
    'other client',
    'misplaced',
  ])
    refreshes.inc({ result }, 0)
  for (const limit of Object.keys(LIMITS)) limited.inc({ limit }, 0)
  for (const result of ['sent', 'dropped', 'postponed', 'failed']) mails.inc({ result }, 0)
  return {
    loggedIn: (result) => logins.inc({ result }),
    refreshed: (result) => refreshes.inc({ result }),
    limited: (limit) => limited.inc({ limit }),
    issued: (token) => characters.labels({ form: token.permissions }).observe(token.characters),
    mailed: (result) => mails.inc({ result }),
    keyAges: (seconds) => {
      ages = seconds
    },
    mailBacklog: (next) => {
      backlog = next
    },
  }
}
