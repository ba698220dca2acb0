/** Limits of the client, each with its reason. Floor 6. */
import { BODY_BYTES_MAX } from '../model/limits.ts'
import { POLICY_BYTES_MAX } from '../model/policy-limits.ts'

/** Milliseconds of a whole call with its retries, when nobody says: what a request of an application can wait for one answer. */
export const DEADLINE_MS_DEFAULT = 500
/** Longest deadline, in milliseconds: the service itself gives up after REQUEST_TIMEOUT_MS. */
export const DEADLINE_MS_MAX = 60_000
/** Attempts after the first one, when nobody says, and at most: more would only wait for the deadline. */
export const RETRIES_DEFAULT = 1
export const RETRIES_MAX = 10
/** Milliseconds before an attempt is made again, at random between the two: many clients must not come back as one. */
export const RETRY_DELAY_MS_MIN = 5
export const RETRY_DELAY_MS_MAX = 40
/** Questions of one client that wait for an answer; beyond it a question fails at once, before it costs memory and its deadline. */
export const QUESTIONS_UNDER_WAY_MAX = 20_000
/** Requests of one client at once: questions beyond it wait and are merged, which the service answers faster than more requests. */
export const REQUESTS_AT_ONCE_MAX = 64
/** Batches of one checkAll at once: it must not take the whole of REQUESTS_AT_ONCE_MAX. */
export const BATCHES_AT_ONCE_MAX = 4
/** Bytes of questions put into one batch, as estimated: half of what the service reads, since the estimate knows no escapes. */
export const BATCH_BYTES_MAX = BODY_BYTES_MAX / 2
/** Bytes that one question takes beside its texts and its resource, and one value of a resource beside its text. */
export const QUESTION_OVERHEAD_BYTES = 128
export const VALUE_OVERHEAD_BYTES = 32
/** Largest answer read over gRPC, in bytes: a whole policy, with room for what is around it. */
export const GRPC_ANSWER_BYTES_MAX = 2 * POLICY_BYTES_MAX
/** Largest answer read over HTTP, in bytes: a thousand decisions with all their roles. */
export const HTTP_ANSWER_BYTES_MAX = 16_777_216
/** Violations read out of an answer, and characters of each text of it: for a person, and bounded whoever answers. */
export const VIOLATIONS_READ_MAX = 20
export const ANSWER_TEXT_CHARACTERS_MAX = 2_000
/** Milliseconds between two attempts to connect: doubled from the first to the second. Well below a deadline, so that a service that is back is found within one. */
export const RECONNECT_MS_MIN = 40
export const RECONNECT_MS_MAX = 120
/** Milliseconds that a call waits for a connection that has failed: longer than RECONNECT_MS_MAX with its jitter. */
export const RECONNECT_WAIT_MS = 180
/** Milliseconds without a word before a connection is tried, and until one that does not answer is given up: a peer that vanished says nothing. */
export const KEEPALIVE_MS = 10_000
export const KEEPALIVE_TIMEOUT_MS = 2_000
/** Milliseconds between two look-ups of a name: new replicas are found when a connection ends. */
export const NAME_LOOKUP_MS_MIN = 2_000
/** Milliseconds an idle HTTP connection is kept: shorter than the service's own KEEP_ALIVE_TIMEOUT_MS, so that the client closes first. */
export const IDLE_CONNECTION_MS = 50_000
/** Answers that one fake takes, and questions it remembers (the last ones): a test looks at each of them. */
export const FAKE_RULES_MAX = 10_000
export const FAKE_QUESTIONS_KEPT_MAX = 10_000
/** Users, tenants, pairs and logins of `createLocal`, of each: what a test of an application can mean, and in memory at once. */
export const LOCAL_FACTS_MAX = 100_000
/** Permissions of one requirement: more of them are a role. */
export const REQUIRED_PERMISSIONS_MAX = 100
/** Milliseconds that a guard waits beyond the deadline of its question: a client that is late beyond that must not hold a request for ever. */
export const GUARD_GRACE_MS = 1_000
/** Seconds after which whoever called an application may try again, when the service did not say. */
export const RETRY_AFTER_SECONDS = 1
/** Characters of an Authorization header that a guard looks into: the largest token, its scheme, and room for blanks. */
export const AUTHORIZATION_CHARACTERS_MAX = 8_192
/** Published keys of an issuer: milliseconds they are kept, and between two looks for one that is unknown; whoever invents keys must not cause a request each. */
export const KEYS_KEPT_MS = 600_000
export const KEYS_LOOKED_FOR_MS_MIN = 5_000
/** Milliseconds that fetching one document of an issuer may take, bytes of it, and keys read from it. */
export const KEYS_TIMEOUT_MS = 2_000
export const KEYS_BYTES_MAX = 262_144
export const KEYS_READ_MAX = 20
