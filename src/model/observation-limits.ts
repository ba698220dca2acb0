/** Limits of what is seen of decisions and changes: the log, the live stream, the audit trail, metrics and traces, each with its reason. Floor 1. */

/** Readers of the live stream in one process, and of one caller: each may hold LIVE_QUEUE_BYTES_MAX, and looks at every decision. */
export const LIVE_READERS_MAX = 32
export const LIVE_READERS_PER_CALLER_MAX = 8
/** Decisions that wait for one reader, and bytes of them, before the oldest is lost: a second of a busy service, some megabytes. */
export const LIVE_QUEUE_RECORDS_MAX = 2_000
export const LIVE_QUEUE_BYTES_MAX = 4_194_304
/** Events of one step of a stream, and bytes of their records: between two steps its caller's key is looked at again, and others have their turn. */
export const LIVE_BATCH_EVENTS_MAX = 100
export const LIVE_BATCH_BYTES_MAX = 262_144
/** Milliseconds without an event after which a reader is told that its stream stands: below the idle timeouts of proxies, and how long a key that was revoked may keep a silent stream. */
export const LIVE_HEARTBEAT_MS = 5_000
/** Milliseconds that a reader of the live stream may take nothing before it is cut. */
export const LIVE_READER_WAIT_MS_MAX = 30_000
/** Milliseconds after which a reader over HTTP should come again when its stream broke; clients of server-sent events take it for their pause. */
export const LIVE_RETRY_MS = 2_000

/** Chains of audit records beside that of changes with a position (migration 0010 makes their heads): logins of different people rarely wait for one lock. */
export const AUDIT_EVENT_CHAINS = 16
/** Largest number that a chain could have: a smallint in the database, and what a verifier takes from a file. */
export const AUDIT_CHAIN_NUMBER_MAX = 32_767
/** Levels of JSON in an audit record: far more than any change of ours has, and far fewer than fill the stack of who writes it out. */
export const AUDIT_JSON_LEVELS_MAX = 500
/** Ids of audit records without a link that one statement counts, and such records that one statement reads, to sign them: each far below its time limit. */
export const AUDIT_UNCHAINED_COUNTED_AT_ONCE_MAX = 100_000
export const AUDIT_UNCHAINED_READ_AT_ONCE_MAX = 1_000
/** Audit rows of one statement: a revocation of thousands of sessions is not one text of many megabytes. */
export const AUDIT_ROWS_WRITTEN_AT_ONCE_MAX = 500
/** Milliseconds after which a checkpoint that failed is tried again: soon, and without a storm while the database is away. */
export const AUDIT_CHECKPOINT_RETRY_MS = 30_000
/** Public keys that a verifier takes: one a year for a life. */
export const AUDIT_KEYS_MAX = 100
/** Places on either side at which a verifier looks for where a record was written that was moved. */
export const AUDIT_MOVED_LOOK_MAX = 64
/** Ids of records without a link that a verifier holds: of more than these, written after chaining began, the first is not known. */
export const AUDIT_UNCHAINED_REMEMBERED_MAX = 100_000
/** Characters of one line of an export or of a log that is searched for checkpoints: the largest record of ours is far below. */
export const AUDIT_LINE_CHARACTERS_MAX = 16_777_216
/** Checkpoints that a verifier holds, stored or kept: five years of one each five minutes. */
export const AUDIT_CHECKPOINTS_VERIFIED_MAX = 500_000

/**
 * Decisions that wait to become records. Draining one takes a microsecond (ten while somebody watches or masks) and receiving one many more, so
 * that this is only reached when the event loop is held up; large resources take longer to read than to drain, so a queue of many large ones never
 * builds up.
 */
export const DECISIONS_WAITING_MAX = 20_000
/** Milliseconds of one turn in which records are built: what waits behind it is a check. */
export const DECISIONS_SLICE_MS = 2
/** The same while more than DECISIONS_BEHIND wait, as after large batches: whoever asks a thousand questions at once waits some milliseconds for their records. */
export const DECISIONS_SLICE_BEHIND_MS = 10
export const DECISIONS_BEHIND = 2_000
/** The same while more than half of what may wait does: one turn can bring thousands, and a check that is late is better than a record that is lost. */
export const DECISIONS_SLICE_CROWDED_MS = 50
export const DECISIONS_CROWDED = DECISIONS_WAITING_MAX / 2
/** Decisions built between two looks at the clock. */
export const DECISIONS_SLICE_RECORDS = 8
/** Longest text of a resource in a record, in characters: a log of decisions is not a store of documents. */
export const DECISION_TEXT_CHARACTERS_MAX = 1_000
/** Longest list of a resource's attribute in a record. */
export const DECISION_LIST_MAX = 100
/** What one sink holds back at most while it is slow or away, in records and in bytes of memory: half a minute of a thousand checks a second. */
export const SINK_RECORDS_MAX = 30_000
export const SINK_BYTES_MAX = 33_554_432
/** Bytes that a record which waits takes beside its line: an object, the heads of two texts, a place among those that wait. */
export const SINK_ENTRY_BYTES = 160
/** Callers and people of whom the writer of lines keeps texts that come again: with the state of a person some hundred bytes each. */
export const LINE_CALLERS_KEPT_MAX = 500
export const LINE_SUBJECTS_KEPT_MAX = 2_000
/** Sets of roles by which one person was allowed something, kept beside: most permissions are held by one of one or two roles. */
export const LINE_WAYS_KEPT_MAX = 4
/** Lists of names for which what was worked out is kept, each for so many lists of answers: the pages and menus that services draw for everybody; at most 200 KB each. */
export const NAME_LISTS_KEPT_MAX = 8
export const LINE_ANSWERS_KEPT_MAX = 4
/** Bytes that lines are written into, one behind the other, until sinks have them: as much as one write to standard output takes, so that it needs no copy. */
export const LINES_CHUNK_BYTES = 32_768
/** One batch of a sink, in records and in bytes of JSON: large enough to be cheap, small enough to be tried again whole. */
export const SINK_BATCH_RECORDS_MAX = 500
export const SINK_BATCH_BYTES_MAX = 524_288
/** Milliseconds for which the first record of a batch waits for others. */
export const SINK_LINGER_MS = 200
/** Milliseconds between two batches for a database inside this process, which has one connection for checks too; and their records. */
export const SINK_EMBEDDED_PAUSE_MS = 250
export const SINK_EMBEDDED_BATCH_RECORDS_MAX = 100
/** Milliseconds for one attempt to write a batch. */
export const SINK_ATTEMPT_MS = 10_000
/** Milliseconds for which a batch is tried again before it is given up, and the first and the longest wait between two attempts. */
export const SINK_RETRY_MS = 60_000
export const SINK_BACKOFF_MS_MIN = 100
export const SINK_BACKOFF_MS_MAX = 5_000
/** Milliseconds for all sinks together to write what waits when the service stops: a part of what a stop may take. */
export const SINK_CLOSE_MS = 5_000
/** Milliseconds without a loss after which losing is over; less would tell of each record under a load that is a little too much. */
export const SINK_LOSING_QUIET_MS = 10_000
/** Most bytes that are read of a collector's answer: it says how many records it refused, or nothing of use. */
export const SINK_ANSWER_BYTES_MAX = 65_536
/** One write of lines to standard output, in bytes: half of what a pipe holds, so that its reader and its writer work at the same time. Each write costs as much as twenty lines. */
export const STDOUT_WRITE_BYTES_MAX = 32_768
/** Bytes that a pipe takes whole or not at all (PIPE_BUF of Linux): lines of our log go down the same pipe, and must not stand inside of a record. */
export const PIPE_WHOLE_BYTES_MAX = 4_096
/** Paths that one mask may name. */
export const MASK_PATHS_MAX = 100
/** How often partitions of days are looked after, milliseconds. */
export const DECISION_PARTITIONS_LOOK_MS = 600_000
/** Permissions, callers and tenants that have series of their own, each one for allow and one for deny; who comes later is counted as `other`. */
export const METRIC_PERMISSIONS_MAX = 1_000
export const METRIC_CALLERS_MAX = 200
export const METRIC_TENANTS_MAX = 50

/** People that one page of a question about another time looks at: whoever held a role at any time comes into question, and most may not have then. */
export const HISTORY_HOLDERS_LOOKED_AT_MAX = 1_000
/** Compiled policies of other times kept in a process: auditors ask about one after the other, and each costs what the one in force does. */
export const HISTORY_POLICIES_KEPT_MAX = 2
/** Times a page of holders is read again when an activation came between the look at the policy and the look at the rows. */
export const HISTORY_ATTEMPTS_MAX = 3
/** How far ahead assignments that end are listed, milliseconds: a year and a day. */
export const EXPIRING_WITHIN_MS_MAX = 366 * 86_400_000
/** Rows of the decision log that one page looks at: filters that no index serves would otherwise read all of it for a rare record. */
export const DECISIONS_LOOKED_AT_MAX = 5_000
/** Days that a report about unused permissions looks back, and how many when nothing was said. */
export const ROLE_USE_DAYS_MAX = 366
export const ROLE_USE_DAYS_DEFAULT = 90
/** Days for which uses are kept, and losses and terms: a report begins with a whole day, and the terms in force then were told within the day before. */
export const DECISION_USE_DAYS_KEPT = ROLE_USE_DAYS_MAX + 2
/** How often a replica tells which share it keeps, milliseconds: each day has it, also when nothing is decided. */
export const DECISION_TERMS_MS = 8 * 3_600_000
/** The same after an attempt that failed. */
export const DECISION_TERMS_RETRY_MS = 30_000
