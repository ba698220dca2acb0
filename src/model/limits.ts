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
/** Unanswered checks of one stream before its reading pauses. */
export const STREAM_IN_FLIGHT_MAX = 256
/** Seconds a stream's caller is trusted before it is looked up again: bounds how long a revoked key can go on asking. */
export const STREAM_REAUTHENTICATION_SECONDS = 1
/** Requests under way in one process before new ones are refused as overloaded: beyond it queues only add latency. */
export const REQUESTS_IN_FLIGHT_MAX = 2_000
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
