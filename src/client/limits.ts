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
/** Milliseconds above which who asks waits long: twice the deadline of who says nothing. */
export const PATIENT_FROM_MS = 1_000
/**
 * Of them those whose questions still have more than so much time, in milliseconds, together with the more patient ones: an answer that never comes holds its
 * place for as long. Questions of less patience are left with half of the places that such ones can take, and never travel with them.
 */
export const REQUESTS_AT_ONCE_MAX_BY_PATIENCE: readonly { readonly untilMs: number; readonly requests: number }[] = [
  { untilMs: PATIENT_FROM_MS, requests: REQUESTS_AT_ONCE_MAX },
  { untilMs: 8_000, requests: REQUESTS_AT_ONCE_MAX / 2 },
  { untilMs: Number.POSITIVE_INFINITY, requests: REQUESTS_AT_ONCE_MAX / 4 },
]
/** Requests for one batch that is refused as a whole: two questions of a thousand are found with forty; beyond it the refusal means all of it. */
export const REFUSED_BATCH_REQUESTS_MAX = 64
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
/** Milliseconds of a TLS handshake: one over the widest ocean takes a tenth of it, and a peer that hangs in it is no replica to wait for. */
export const HANDSHAKE_MS_MAX = 5_000
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
/** Milliseconds by which local answers may be older than the service's own (C of docs/client.md): the service's bound again; below a fifth of it a loaded machine would not keep it, and above ten of it a removal is no removal. */
export const LOCAL_STALE_MS_DEFAULT = 1_000
export const LOCAL_STALE_MS_MIN = 200
export const LOCAL_STALE_MS_MAX = 10_000
/** Pairs of user and tenant that a client keeps, and about their bytes: those who are active at one process, not all there are. */
export const LOCAL_ENTRIES_DEFAULT = 50_000
export const LOCAL_ENTRIES_MAX = 10_000_000
export const LOCAL_BYTES_DEFAULT = 67_108_864
/** Fewest bytes: some hundred pairs, below which nothing would stay until it is asked for again. */
export const LOCAL_BYTES_MIN = 65_536
/** Names that `alwaysAsk` takes: above it `local` is not what is wanted. */
export const LOCAL_ALWAYS_ASK_MAX = 10_000
/** Users, and tenants, whose last change a client remembers; each costs some 50 bytes, and beyond it older entries are loaded again. */
export const LOCAL_CHANGES_KEPT_MAX = 100_000
/** Compiled policies in a client: the one in force and the next. */
export const LOCAL_POLICIES_KEPT_MAX = 2
/** Beats within C, and their longest interval in milliseconds: several may be lost or late before an answer is not fresh. */
export const LOCAL_BEATS_WITHIN_BOUND = 4
export const LOCAL_BEAT_MS_MAX = 500
/** Beats without an echo that are remembered: of the oldest nothing is gained any more. */
export const LOCAL_BEATS_WAITING_MAX = 64
/** Milliseconds without a fresh heartbeat after which another stream is opened, maybe to another replica: well above both bounds. */
export const LOCAL_SILENCE_MS_MAX = 5_000
/** What a stream may have told and a policy is still being loaded for: beyond it the stream is begun again. */
export const LOCAL_STEPS_WAITING_MAX = 1_000
/** Milliseconds until a stream that ended is opened again: doubled from the first to the second, with jitter. */
export const LOCAL_REOPEN_MS_MIN = 100
export const LOCAL_REOPEN_MS_MAX = 5_000
/** Milliseconds to load one policy: as long as a request of the service may take. */
export const LOCAL_POLICY_WAIT_MS_MAX = 5_000
/** States that are loaded at once; what is asked beyond it, the service decides. */
export const LOCAL_LOADS_MAX = 100
/** Pairs of one checkAll that are loaded for it; with more of them the service decides all that is not at hand, in one batch. */
export const LOCAL_LOADS_OF_ALL_MAX = 8
/** Milliseconds without loading after a load that failed: each would cost half of a deadline before the service is asked. */
export const LOCAL_LOAD_PAUSE_MS = 1_000
/** Verdicts remembered with one entry, and about the bytes of each and of each role in it: most people use a few permissions all the time. */
export const LOCAL_VERDICTS_MAX = 32
export const LOCAL_VERDICT_BYTES = 250
export const LOCAL_VIA_BYTES = 32
/** About the bytes of the map of a tenant's users, beside the tenant's name. */
export const LOCAL_TENANT_BYTES = 300
/** Milliseconds between two questions to each of several replicas whether it serves, and until one that does not answer does not: a replica that hangs fails calls until then. */
export const HEALTH_INTERVAL_MS = 1_000
export const HEALTH_TIMEOUT_MS = 500
