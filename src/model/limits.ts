/** A limit on everything, each with its reason. Floor 1. */

/** Longest user or tenant id, in UTF-8 bytes: fits e-mail addresses, URNs and Kubernetes names; keeps index rows small. */
export const ID_BYTES_MAX = 256
/** Largest request body on either wire, in bytes: 1,000 batch items with a resource of 1 KiB each. */
export const BODY_BYTES_MAX = 1_048_576
/** Deepest nesting of a resource's attributes: conditions read flat names, depth only costs. */
export const ATTRIBUTE_DEPTH_MAX = 16
/** Most checks in one batch, and most names in CheckPermissions: bounds the time one call can hold the event loop. */
export const BATCH_ITEMS_MAX = 1_000
/** Most distinct [user, tenant] pairs resolved at once for one batch: leaves the pool room for other calls. */
export const BATCH_LOADS_AT_ONCE_MAX = 8
/** Milliseconds a statement waits for a row that another transaction holds: less than a turn's wait, so that one stuck row does not stop all changes. */
export const STORE_LOCK_TIMEOUT_MS = 2_000
/** Milliseconds a change waits for its turn before it is refused as overloaded. */
export const CHANGE_WAIT_MS_MAX = 3_000
/** Unknown permissions of one batch that get a "did you mean": each is a search through all names, on the event loop. */
export const BATCH_SUGGESTIONS_MAX = 10
/** Unanswered checks of one stream before its reading pauses. */
export const STREAM_IN_FLIGHT_MAX = 256
/** Requests under way in one process before new ones are refused as overloaded: beyond it queues only add latency. */
export const REQUESTS_IN_FLIGHT_MAX = 2_000
/** Unanswered checks of all streams of one connection before their reading pauses: no single one can take the whole of REQUESTS_IN_FLIGHT_MAX. */
export const STREAM_IN_FLIGHT_PER_CONNECTION_MAX = REQUESTS_IN_FLIGHT_MAX / 4
/** Largest page of any list. */
export const PAGE_SIZE_MAX = 1_000
/** Page size when the caller names none. */
export const PAGE_SIZE_DEFAULT = 100
/** Most assignments of one [user, tenant] that are in force or to come: keeps a resolution one small row. */
export const ASSIGNMENTS_PER_PAIR_MAX = 200
/** Expired assignments read beside the living ones, latest first: only to say ASSIGNMENT_EXPIRED, never to allow. */
export const EXPIRED_ASSIGNMENTS_READ_MAX = 20
/** Longest reason, title or display name, in characters. */
export const TEXT_CHARACTERS_MAX = 1_000
/** Largest attributes object of a user or tenant, in bytes of JSON: it travels with every resolution. */
export const STORED_ATTRIBUTES_BYTES_MAX = 8_192
/** Milliseconds a request may take when its caller sets no deadline. */
export const REQUEST_TIMEOUT_MS = 5_000
/** Compiled role sets kept; beyond it the least recently used is compiled again. */
export const ROLE_SETS_KEPT_MAX = 10_000
/** Longest `Authorization` value read, in characters: a key of ours has about 50, a token at most ACCESS_TOKEN_CHARACTERS_MAX. */
export const AUTHORIZATION_CHARACTERS_MAX = 4_096 + 'Bearer '.length
/** `Authorization` values of known callers whose digest is kept: more services than ask one process, in a megabyte or two. */
export const AUTHORIZATIONS_KEPT_MAX = 4_096
/** Field violations named in one answer: enough to repair a request, not a way to be sent a megabyte back. */
export const VIOLATIONS_MAX = 20
/** Deepest nesting of a whole JSON body: a resource inside an item inside a list inside the body. */
export const BODY_DEPTH_MAX = ATTRIBUTE_DEPTH_MAX + 4
/** Longest page token, in characters: it holds at most an id, encoded. */
export const PAGE_TOKEN_CHARACTERS_MAX = 1_024
/** Most tenants a limited caller is given by name; beyond it "all tenants" is the honest scope. */
export const CALLER_TENANTS_MAX = 1_000
/** Concurrent calls on one gRPC connection: a single client cannot take the whole of REQUESTS_IN_FLIGHT_MAX. */
export const STREAMS_PER_CONNECTION_MAX = 1_000
/** Open health watches in one process: watching needs no key, so it must have an end. */
export const HEALTH_WATCHES_MAX = 1_000
/** Bytes of metadata or header fields read before a key is known. */
export const HEADER_BYTES_MAX = 16_384
/** Milliseconds a whole HTTP request may take to arrive, and its header alone: slow senders must not hold sockets. */
export const REQUEST_ARRIVAL_TIMEOUT_MS = 15_000
export const HEADER_ARRIVAL_TIMEOUT_MS = 10_000
/** Milliseconds an idle HTTP connection is kept: longer than the usual minute of load balancers, so that they close first. */
export const KEEP_ALIVE_TIMEOUT_MS = 65_000
/** Bytes of a body, pieces that a request comes in and milliseconds that it takes, for which an HTTP connection is answered without node's parser: checks and small batches. Whatever is more of any gains nothing by it. */
export const QUICK_BODY_BYTES_MAX = 65_536
export const QUICK_PIECES_MAX = 16
export const QUICK_PATIENCE_MS = 1_000
/** Age at which a connection is asked to leave, in milliseconds, so that load spreads onto new replicas. */
export const CONNECTION_AGE_MS = 300_000
/** Milliseconds that calls under way get to end when the process stops. */
export const DRAIN_TIMEOUT_MS = 10_000
/** Milliseconds to reach PostgreSQL, and to be given a pooled connection: a queue longer than that helps nobody within REQUEST_TIMEOUT_MS. */
export const STORE_CONNECT_TIMEOUT_MS = 3_000
export const STORE_ACQUIRE_TIMEOUT_MS = 3_000
/** Milliseconds a connection may stay beside the pool, in use by nobody: the pool's own way in and out is then paid once a second, not for each look-up. */
export const STORE_AT_HAND_MS = 1_000
/** Milliseconds of one statement before PostgreSQL cancels it: below REQUEST_TIMEOUT_MS, so that the caller still hears of it. */
export const STORE_STATEMENT_TIMEOUT_MS = 4_000
/** Milliseconds without an answer before the connection is given up: PostgreSQL's own limit has passed, so the network is gone. */
export const STORE_ANSWER_TIMEOUT_MS = 4_500
/**
 * Of the embedded database's code, what runs before V8 compiles a function of it a second time, for speed: a hundred times V8's own.
 * Its start runs much of it for a moment, and a third of that start's processor time went into code that was hardly used again.
 */
export const EMBEDDED_TIERING_BUDGET_BYTES = 180_000_000
/** Milliseconds a transaction of ours may idle before PostgreSQL ends it: a stalled process must not hold the feed head. */
export const STORE_IDLE_TRANSACTION_TIMEOUT_MS = 10_000
/** Attempts at one change when PostgreSQL names it the victim of a deadlock or of a serialization failure. */
export const CHANGE_ATTEMPTS_MAX = 5
/** Milliseconds a migrator waits for another one: longer than any migration of ours should take. */
export const MIGRATION_WAIT_MS_MAX = 600_000
/** Milliseconds a migration may wait for a table in use: everything else on that table queues behind it. */
export const MIGRATION_TABLE_WAIT_MS_MAX = 30_000
/** L of the freshness promises, in milliseconds: an answer reflects every change committed longer ago than this. The same in all replicas. */
export const FRESHNESS_BOUND_MS = 1_000
/** How much longer than L a change waits for replicas that say nothing, in milliseconds: two machines' clocks may run 1 % apart. */
export const FRESHNESS_MARGIN_MS = 10
/** Between two readings of the feed, in milliseconds, when no doorbell rings: several chances within L. */
export const FEED_INTERVAL_MS = 200
/** Milliseconds of one reading of the feed: a slower one could not keep anything fresh. */
export const FEED_READ_TIMEOUT_MS = FRESHNESS_BOUND_MS
/** Feed positions read at once. */
export const FEED_POSITIONS_READ_MAX = 1_000
/** T: milliseconds that an entry lives in Redis at most. */
export const SHARED_ENTRY_TTL_MS = 600_000
/** Milliseconds the feed is kept: a replica cut off for a working day comes back without starting over; at least 2 T. */
export const FEED_KEPT_MS = 86_400_000
/** Milliseconds between two looks at what the feed can drop and which replicas are dead, and feed rows dropped in one statement. */
export const FEED_TIDY_INTERVAL_MS = 10_000
export const FEED_ROWS_PRUNED_AT_ONCE_MAX = 10_000
/** Milliseconds without a beat after which a replica's row is removed; until then every change waits L for it. Well above L. */
export const REPLICA_SILENCE_MS_MAX = 15_000
/** Users and tenants whose last change a replica remembers; beyond it the older half is forgotten and the floor rises. */
export const LAST_CHANGES_KEPT_MAX = 200_000
/** Entries of the in-process level: bytes are what bounds it, at some 200 each; one map of users holds no more than 16 million. */
export const MEMORY_ENTRIES_MAX = 10_000_000
/** Of them unpacked at once, a power of two: those asked for all the time, at some 400 bytes more each. */
export const STATES_UNPACKED_MAX = 16_384
/** Callers kept in process: more keys than any installation hands out. */
export const MEMORY_CALLERS_MAX = 10_000
/** Milliseconds a look-up in Redis may take: beyond it PostgreSQL is the faster one. */
export const REDIS_DEADLINE_MS = 20
/** Failures in a row that open the breaker, and milliseconds until Redis is tried again. */
export const REDIS_FAILURES_MAX = 5
export const REDIS_BREAK_MS = 1_000
/** Fills under way to Redis before further ones are dropped: it is slow then, and a fill is only a favour. */
export const REDIS_FILLS_IN_FLIGHT_MAX = 1_000
/** Times a check looks for a state that is fresh enough before it gives up. */
export const RESOLVE_ATTEMPTS_MAX = 3
/** Milliseconds that an activation waits for replicas to prepare the revision; one that cannot is not waited for longer. */
export const POLICY_PREPARE_WAIT_MS_MAX = 5_000
/** Compiled policies kept in a process: the one in force, the one before it, the next. */
export const POLICIES_COMPILED_KEPT_MAX = 3
/** Largest entry in Redis, in bytes: attributes of user and tenant with every character escaped, and all assignments a pair can have. */
export const SHARED_ENTRY_BYTES_MAX = 262_144
/** Milliseconds that the highest head lives in Redis: what was put less than T after it was written must not outlive it. */
export const SHARED_HEAD_TTL_MS = 2 * SHARED_ENTRY_TTL_MS
/** Milliseconds after which the head is written again although it did not grow: well below T, and often enough that Redis evicts others first. */
export const SHARED_HEAD_REFRESH_MS = 60_000
/** Milliseconds between two alarms over the same higher head: each makes its hearer read the feed. */
export const SHARED_HEAD_ALARM_MS = 1_000
/** Milliseconds to reach one Redis server, its greeting included. */
export const REDIS_CONNECT_TIMEOUT_MS = 2_000
/** Milliseconds between attempts to connect: doubled from the first to the second after each failure, with jitter. */
export const REDIS_RECONNECT_MS_MIN = 50
export const REDIS_RECONNECT_MS_MAX = 1_000
/** Milliseconds after which a command without an answer means that the connection is dead: long after anybody waited for it. */
export const REDIS_SILENCE_MS_MAX = 5_000
/** Commands of one connection without an answer: the breaker opens long before, so this only bounds memory. */
export const REDIS_COMMANDS_WAITING_MAX = 10_000
/** Servers that one Redis address may name: a sentinel or cluster client needs a few to find the others. */
export const REDIS_SERVERS_MAX = 32
/** Milliseconds between two echoes of the doorbell: one that does not come back means that rings do not either. */
export const DOORBELL_ECHO_MS = 5_000
/** Bytes of callers kept in process: all of MEMORY_CALLERS_MAX with a few tenants each; those with a thousand push others out. */
export const MEMORY_CALLERS_BYTES_MAX = 33_554_432
/** Sessions kept in process, each some 1,500 bytes: those whose tokens are presented here within a few minutes. */
export const MEMORY_SESSIONS_MAX = 50_000
export const MEMORY_SESSIONS_BYTES_MAX = 67_108_864
/** Bytes of the published signing keys kept in process: SIGNING_KEYS_MAX of the largest kind. */
export const MEMORY_KEYS_BYTES_MAX = 65_536
/** Milliseconds by which the wall clock may run ahead of the monotonic one since the last reading: beyond it the machine was suspended meanwhile. */
export const SUSPENSION_MS_MAX = 100
/** Milliseconds between two readings that doorbells ask for: whoever rings without pause must not make replicas read without pause. */
export const FEED_RING_MS_MIN = 5
/** Milliseconds until an activation that could not be applied is tried again, at first and at most: each attempt loads the whole revision. */
export const POLICY_ADOPT_AGAIN_MS_MIN = 500
export const POLICY_ADOPT_AGAIN_MS_MAX = 30_000
/** Attempts at one change when the policy that it went by is not the one in force at its position any more. */
export const POLICY_CONSULTED_ATTEMPTS_MAX = 3
/** Attempts of a starting replica at its first reading of the feed, FEED_INTERVAL_MS apart: a machine that starts many things is slow. */
export const FEED_START_ATTEMPTS_MAX = 10

/** Milliseconds after which a command that counts shows how far it is, and between two such lines: before that nobody wonders. */
export const PROGRESS_AFTER_MS = 1_000
export const PROGRESS_INTERVAL_MS = 200

/** Latest changes that a watcher can go on from: more than come in a minute, in some megabytes. Who was away for longer begins anew. */
export const ACCESS_CHANGES_KEPT_MAX = 20_000
/** Changes in one message to a watcher: some ten kilobytes, and between two messages others have their turn. */
export const ACCESS_CHANGES_TOLD_AT_ONCE_MAX = 1_000
/** Watchers in one process, and of one caller, which may be all replicas of a large service: each change costs a message to each. */
export const ACCESS_WATCHERS_MAX = 1_000
export const ACCESS_WATCHERS_PER_CALLER_MAX = ACCESS_WATCHERS_MAX / 2
/** Watchers over one connection: a client needs one, and a proxy carries those of many clients. */
export const ACCESS_WATCHERS_PER_CONNECTION_MAX = 100
/** Milliseconds between two heartbeats to one watcher: who asks more often waits, and is answered for the last time it asked. */
export const ACCESS_BEAT_MS_MIN = 50
/** Messages of one watcher read between two heartbeats: what it sends beyond that waits on its side. */
export const ACCESS_MESSAGES_PER_BEAT_MAX = 16
/** Milliseconds until a watcher has said from where it watches. */
export const ACCESS_FIRST_MESSAGE_MS_MAX = 10_000
/** Milliseconds that a watcher may take nothing before it is cut: what it holds is long of no use to it by then. */
export const ACCESS_READER_WAIT_MS_MAX = 10_000
