/** Limits of logins, sessions, tokens and their keys, each with its reason. Floor 1. */

/** Identity. Largest access token, in characters: what proxies and header limits carry everywhere; and of its claim of codes or bits. */
export const ACCESS_TOKEN_CHARACTERS_MAX = 4_096
export const PERMISSION_CLAIM_CHARACTERS_MAX = 1_000
/** Bytes of an identity secret, and how many are used at once: the present one and those that it replaces. */
export const IDENTITY_SECRET_BYTES = 32
export const IDENTITY_SECRETS_MAX = 5
/** Milliseconds by which clocks of issuers and verifiers may differ. */
export const TOKEN_CLOCK_SKEW_MS = 30_000
/** Longest life of an access token, of a person and of a service, in seconds: until then it is good where nobody asks us. */
export const ACCESS_TOKEN_SECONDS_MIN = 60
export const ACCESS_TOKEN_SECONDS_MAX = 900
export const SERVICE_TOKEN_SECONDS_MAX = 600
/** Verified tokens remembered by their SHA-256: one signature check a token instead of one a request. */
export const TOKENS_VERIFIED_KEPT_MAX = 20_000
/** … and about what they take in memory, in bytes: an access token may be long. */
export const TOKENS_VERIFIED_BYTES_MAX = 33_554_432
/** Between two readings of the feed that tokens of unknown keys cause, in milliseconds: whoever invents keys must not cause one each. */
export const UNKNOWN_KEY_CATCH_UP_MS_MIN = 250
/** Milliseconds that keys are published before they sign, and kept after the last token they signed: clients keep them for ten minutes. */
export const KEY_PUBLISHED_AHEAD_MS = 900_000
export const KEY_SET_CACHE_SECONDS = 600
/** Milliseconds after which a signing key is replaced. */
export const KEY_LIFE_MS = 30 * 86_400_000
/** Milliseconds between two looks at whether keys are due. */
export const KEY_CHECK_INTERVAL_MS = 30_000
/** Signing keys that are not retired at once: rotations in a row must not grow the published set without end. */
export const SIGNING_KEYS_MAX = 10
/** Milliseconds that a login link is good, and the cookie of the browser that asked. */
export const LOGIN_LIFE_MS = 600_000
/** Milliseconds that an invitation is good. */
export const INVITATION_LIFE_MS = 7 * 86_400_000
/** Wrong codes that kill a challenge: 5 of 10^6. */
export const CODE_TRIES_MAX = 5
/** Milliseconds in which the same browser may repeat a login whose answer was lost. */
export const LOGIN_REPEAT_MS = 60_000
/** Milliseconds without a refresh after which a session is over, and from its login at most. */
export const SESSION_IDLE_MS = 14 * 86_400_000
export const SESSION_LIFE_MS = 30 * 86_400_000
/** Milliseconds after a rotation in which the token before it gets the same successor again. */
export const REFRESH_GRACE_MS = 10_000
/** Characters of any token that a form brings: what is longer is none of ours. */
export const PRESENTED_TOKEN_CHARACTERS_MAX = 8_192
/** Tenants that a person may choose from at login. */
export const TENANTS_TO_CHOOSE_MAX = 100
/** Live sessions of one user; one more ends the oldest. */
export const SESSIONS_PER_USER_MAX = 100
/** Redirects of one application, and characters of one. */
export const REDIRECT_URIS_MAX = 20
export const REDIRECT_URI_CHARACTERS_MAX = 2_048
/** Characters kept of a user agent: enough to know one's own device again. */
export const USER_AGENT_CHARACTERS_MAX = 256
/** Characters of an address (RFC 5321, 4.5.3.1). */
export const EMAIL_CHARACTERS_MAX = 254
/** Attempts to send a mail, the first wait between two in milliseconds (doubled each time), and how long one attempt may take. */
export const MAIL_ATTEMPTS_MAX = 5
export const MAIL_RETRY_MS = 5_000
export const MAIL_TIMEOUT_MS = 20_000
/** Mails sent at once by one process, and milliseconds between two looks at the outbox when nobody rings. */
export const MAILS_AT_ONCE_MAX = 8
export const MAIL_INTERVAL_MS = 1_000
/** Mails that the development mailbox shows. */
export const MAILBOX_KEPT_MAX = 100
/** Milliseconds that challenges and sessions are kept after their end, and revocations after they were made: longer than any token lives. */
export const IDENTITY_KEPT_MS = 30 * 86_400_000
export const REVOCATIONS_KEPT_MS = 3_600_000
/** Milliseconds between two looks at what can be removed, and rows removed at once. */
export const IDENTITY_TIDY_INTERVAL_MS = 60_000
export const IDENTITY_ROWS_PRUNED_AT_ONCE_MAX = 1_000
/** Revocations of one answer. */
export const REVOCATIONS_PAGE_MAX = 1_000
/** Counters of the in-process limiter: who tries from more addresses than that is a matter for the network. */
export const LIMITER_COUNTERS_MAX = 100_000
/** Milliseconds that a caller's key is good after it was replaced, unless said otherwise, and at most. */
export const CALLER_KEY_OVERLAP_MS = 86_400_000
export const CALLER_KEY_OVERLAP_MS_MAX = 30 * 86_400_000
/** Bytes of a form or a JSON body that the identity service reads from anybody: room for two tokens of the largest kind. */
export const IDENTITY_BODY_BYTES_MAX = 32_768
/** Milliseconds that the origins of registered redirects are remembered for answers to browsers, and applications read for them. */
export const ORIGINS_KEPT_MS = 5_000
export const ORIGINS_CLIENTS_MAX = 10_000
