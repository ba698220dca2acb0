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
/** All policy files together, in bytes, and their number: a bundle is read whole into memory. */
export const POLICY_BYTES_MAX = 16_777_216
export const POLICY_FILES_MAX = 2_000
/** One policy file, in bytes: reading YAML costs about two seconds a mebibyte at worst, and reading must not stop a service for long. */
export const POLICY_FILE_BYTES_MAX = 2_097_152
/** Files and folders of any kind below a policy directory: each costs a look, and a directory named by mistake may be a whole disk. */
export const POLICY_ENTRIES_MAX = 20_000
/** Folders inside each other below a policy directory: ends a loop of links. */
export const POLICY_FOLDER_DEPTH_MAX = 16
/** Documents in one policy file. */
export const POLICY_DOCUMENTS_MAX = 1_000
/** Nesting of a policy file: the formats need 8; the YAML composer is recursive and dies of thousands. */
export const POLICY_NESTING_MAX = 64
/** Aliases in one policy file, and nodes after they are followed: ends a "billion laughs". */
export const POLICY_ALIASES_MAX = 100
export const POLICY_NODES_MAX = 500_000
/** Values that aliases repeat, in all policy files together: with them some kilobytes could become any number. */
export const POLICY_ALIASED_NODES_MAX = 50_000
/** Faults of one reading that are kept: more help nobody and fill logs. */
export const POLICY_FAULTS_MAX = 1_000
/** Faults of each severity that a reading collects before it sorts them and keeps the first, and how many of them get a "did you mean". */
export const POLICY_FAULTS_COLLECTED_MAX = 10_000
export const POLICY_FAULTS_SUGGESTED_MAX = 500
/** Permissions that one fault names, and differences of one failed test: beyond it, how many more there are. */
export const FAULT_NAMES_MAX = 20
/** Permissions of a bundle: a resolved set and a token budget are sized for it. */
export const PERMISSIONS_MAX = 10_000
/** Grants of all roles of a bundle, each set counted wherever it is included: real bundles have some thousands, and reading this many takes about a second. */
export const GRANTS_MAX = 100_000
/** Roles of a bundle, and sets. */
export const ROLES_MAX = 2_000
/** Constraints of a bundle: each is looked at with every grant. */
export const CONSTRAINTS_MAX = 500
/** Permissions of all constraints of a bundle: each is looked for in every role. Real ones have two or three each. */
export const CONSTRAINT_PERMISSIONS_MAX = 10_000
/** Steps of all policy tests of a bundle: permissions listed, cases decided, constraints counted for each person. Thousands of usual tests, and two seconds at worst. */
export const POLICY_TEST_STEPS_MAX = 1_000_000
/** Entries of one list in a policy file: permissions of a role or set, values of an operator, patterns of tenants. */
export const POLICY_LIST_MAX = 5_000
/** Attributes that one permission declares or one condition tests. */
export const CONDITION_ATTRIBUTES_MAX = 32
/** Literal values of one `$in`, `$nin` or `$all`. */
export const CONDITION_VALUES_MAX = 200
/** Characters of a permission, role or set name; of a code. */
export const NAME_CHARACTERS_MAX = 128
export const CODE_CHARACTERS_MAX = 16
/** Names of a path below `user.attributes` or `tenant.attributes`. */
export const VARIABLE_DEPTH_MAX = 4
/** Longest window a temporary role can allow, in days: what lasts longer is not temporary. */
export const MAX_GRANT_DAYS_MAX = 366
/** Suggestions remembered per bundle: callers repeat their typing errors. */
export const SUGGESTIONS_KEPT_MAX = 1_000
/** Longest `Authorization` value read, in characters: a key of ours has about 50, a token at most ACCESS_TOKEN_CHARACTERS_MAX. */
export const AUTHORIZATION_CHARACTERS_MAX = 4_096 + 'Bearer '.length
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
/** Age at which a connection is asked to leave, in milliseconds, so that load spreads onto new replicas. */
export const CONNECTION_AGE_MS = 300_000
/** Milliseconds that calls under way get to end when the process stops. */
export const DRAIN_TIMEOUT_MS = 10_000
/** Milliseconds to reach PostgreSQL, and to be given a pooled connection: a queue longer than that helps nobody within REQUEST_TIMEOUT_MS. */
export const STORE_CONNECT_TIMEOUT_MS = 3_000
export const STORE_ACQUIRE_TIMEOUT_MS = 3_000
/** Milliseconds of one statement before PostgreSQL cancels it: below REQUEST_TIMEOUT_MS, so that the caller still hears of it. */
export const STORE_STATEMENT_TIMEOUT_MS = 4_000
/** Milliseconds without an answer before the connection is given up: PostgreSQL's own limit has passed, so the network is gone. */
export const STORE_ANSWER_TIMEOUT_MS = 4_500
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
/** Entries of the in-process level: each costs some 300 bytes besides its attributes. */
export const MEMORY_ENTRIES_MAX = 500_000
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
/** Fewest bytes an entry of the in-process level takes: no more places are made than can be filled. */
export const MEMORY_ENTRY_BYTES_MIN = 256
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

/** Policies. Characters of a revision's prefix that may stand for it: 32 bits, which no installation's revisions share by chance. */
export const REVISION_PREFIX_CHARACTERS_MIN = 8
/** Bytes of a request that carries policy files, and milliseconds it may take: ten thousand permissions are a megabyte, and some seconds of reading. */
export const POLICY_UPLOAD_BYTES_MAX = 4_194_304
export const POLICY_REQUEST_TIMEOUT_MS = 30_000
/** Milliseconds that a plan may stream: a million holders take minutes, and nobody waits for longer. */
export const PLAN_TIMEOUT_MS = 600_000
/** Milliseconds that a reader who is behind gets to take the error that ends its plan, before its connection is cut. */
export const PLAN_LAST_LINE_WAIT_MS = 1_000
/** Pairs of user and tenant read by one statement of a plan, tenants that its summary names, and items of one streamed event. */
export const PLAN_PAIRS_READ_MAX = 1_000
export const PLAN_TENANTS_MAX = 1_000
export const PLAN_EVENT_ITEMS_MAX = 500
/** Effects after which an event of a plan is sent although it has fewer items: a person can be touched in ten thousand permissions. */
export const PLAN_EVENT_EFFECTS_MAX = 10_000
/** Bytes of the difference in the first event of a plan, as JSON: with its changed roles, and in the wider form of gRPC, below a mebibyte. */
export const PLAN_DIFF_BYTES_MAX = 393_216
/** Tenants that a plan counts one by one, to name those it touches most: some tens of megabytes. */
export const PLAN_TENANTS_COUNTED_MAX = 100_000
/** Single differences of sets of roles that a plan remembers: some tens of megabytes, and more than the sets of most installations together. */
export const PLAN_WEIGHT_KEPT_MAX = 200_000
/** Steps of a plan (an effect found, a rule looked at) before it lets others run: a few milliseconds. */
export const PLAN_STEPS_AT_ONCE_MAX = 20_000
/** Permissions, and roles of each, that the message of one breach names: a rule may name thousands. */
export const PLAN_BREACH_PARTS_MAX = 20
/** Live rows read by one statement of a budget: some tens of milliseconds. */
export const BUDGET_ROWS_READ_MAX = 5_000
/** Distinct sets of roles that a budget tells apart by their digests, to count them: some ten megabytes. */
export const BUDGET_COMBINATIONS_COUNTED_MAX = 100_000
/** Reasons that one refusing gate names: the plan beside it has them all. */
export const GATE_EXAMPLES_MAX = 10
/** Characters of the author and of the commit of a revision; its message may have TEXT_CHARACTERS_MAX. */
export const REVISION_ORIGIN_CHARACTERS_MAX = 200
/** Activations that may wait for their time, and how far ahead that may lie, in milliseconds. */
export const ACTIVATIONS_WAITING_MAX = 20
export const ACTIVATION_AHEAD_MS_MAX = 366 * 86_400_000
/** Milliseconds after its time within which an activation is still carried out: later it would surprise. */
export const ACTIVATION_LATE_MS_MAX = 3_600_000
/** Milliseconds by which a time to come may already be over when it arrives: a clock may be behind, and a mistyped year is not now. */
export const ACTIVATION_PAST_MS_MAX = 60_000
/** Milliseconds that a plan waits for its reader before another one may be made. */
export const PLAN_READER_WAIT_MS_MAX = 30_000
/** Milliseconds between two looks at which activation is due, at most; the next one is known, so it is not late by that. */
export const ACTIVATION_LOOK_INTERVAL_MS = 5_000
/** Surviving mutants of the added kind that a report of policy tests lists: without tests there are as many as roles times permissions. */
export const SURVIVORS_LISTED_MAX = 100_000
/** Milliseconds for which a proposed test gives a temporary role: short enough to be within nearly any `maxGrant`. */
export const SKELETON_WINDOW_MS = 3_600_000
/** Roles that a report of policy tests for people names, and permissions of each: what is longer is read by machines. */
export const REPORT_ROLES_MAX = 20
export const REPORT_NAMES_MAX = 8
/** Characters of a report for a pull request: GitHub takes 65,536 for a comment, and others write below it. */
export const REPORT_CHARACTERS_MAX = 60_000
/** Milliseconds that git may take to hand out the policy files of one commit, and bytes of its list of all files below their folder. */
export const GIT_TIMEOUT_MS = 30_000
export const GIT_LIST_BYTES_MAX = 16_777_216
/** Steps of a search for sets of roles that nobody may hold together, and sets that are told of one constraint. */
export const ROLE_SETS_SEARCHED_MAX = 100_000
export const ROLE_SETS_TOLD_MAX = 20
/** Milliseconds after which a command that counts shows how far it is, and between two such lines: before that nobody wonders. */
export const PROGRESS_AFTER_MS = 1_000
export const PROGRESS_INTERVAL_MS = 200
