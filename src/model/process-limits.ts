/** Bounds of a service that is several processes. Floor 1. */

/** More than the processors of machines that exist for such a service; each is a whole replica with a pool of its own. */
export const WORKERS_MAX = 128
/** A worker that says nothing for this long is told as silent, milliseconds: within the time that a health check waits for its answer. */
export const WORKER_REPORT_TIMEOUT_MS = 2_000
/** How often workers are asked whether they live, milliseconds: a message that costs nothing. */
export const WORKER_ROUND_MS = 5_000
/** A worker that answered none of so many rounds, half a minute, hangs for good and is ended: garbage collection and a machine under load pass earlier. Rounds and not time, for all stand still when the machine does. */
export const WORKER_SILENT_ROUNDS_MAX = 6
/** When a service could not start, its other workers have this long to end by themselves, milliseconds: nothing of theirs was told to anybody. */
export const WORKER_UNSTARTED_MS = 10_000
/** Pause before a worker that ended is started again, milliseconds: at first nobody notices, and one that cannot start leaves the machine in peace. */
export const WORKER_PAUSE_MS_MIN = 100
export const WORKER_PAUSE_MS_MAX = 30_000
/** A worker that was ready this long had begun well: its end is the first again, milliseconds. */
export const WORKER_STEADY_MS = 60_000
/** What is kept of a line that has not ended yet, in bytes: more than the longest record. */
export const WORKER_LINE_BYTES_MAX = 4_194_304
/** Pause before lines that could not be written are written again, milliseconds: the disk is full, and may be emptied. */
export const WORKER_LINES_PAUSE_MS = 1_000
/** For the last lines of workers that have ended, milliseconds: a reader takes them at once, or does not read. */
export const WORKER_LAST_LINES_MS = 1_000
