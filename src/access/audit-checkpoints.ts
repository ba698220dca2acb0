/** Signs, every few minutes, how far the chains of the audit have come: one replica does it for all. Verifies nothing. Floor 3. */
import type { Clock } from '../ground/clock.ts'
import type { Log } from '../ground/log.ts'
import type { AuditCheckpoint, AuditHead } from '../model/audit-trail.ts'
import { AUDIT_CHECKPOINT_RETRY_MS } from '../model/observation-limits.ts'
import { NO_UNCHAINED } from '../store/audit-chain.ts'
import type { SignCheckpoint } from '../store/audit-ports.ts'
import type { Store } from '../store/ports.ts'
import { type CheckpointSigner, readCheckpoint } from '../token/checkpoint-jws.ts'
import { hashOfCheckpoint } from './verify-checkpoints.ts'

/** Of the line of the log that holds one; whoever verifies with a log that was kept looks for it. */
export const CHECKPOINT_MESSAGE = 'audit checkpoint'

export interface AuditCheckpointsNeeds {
  readonly store: Pick<Store, 'auditTrail'>
  readonly signer: CheckpointSigner
  /** Between two checkpoints, milliseconds. */
  readonly intervalMs: number
  readonly clock: Clock
  readonly log: Log
}

export interface AuditCheckpoints {
  /** On the database's clock: when a checkpoint, whoever made it, last covered all records, as far as this process knows. */
  readonly coveredAtMs: number | undefined
  /** Attempts that failed. */
  readonly errors: number
  /** Makes one when it is time. Never throws: what failed is in the log and tried again. */
  look(): Promise<void>
  /** One more when something new was written. Waits for what is under way. */
  close(): Promise<void>
}

/** Looks at once, then on its own. */
export function openAuditCheckpoints(needs: AuditCheckpointsNeeds): AuditCheckpoints {
  const { store, signer, intervalMs, clock, log } = needs
  const state = { coveredAtMs: undefined as number | undefined, errors: 0 }
  let closed = false
  let cancel: () => void = () => undefined
  let running: Promise<void> = Promise.resolve()
  const sign = signNext(signer)

  /** @returns milliseconds until the next look */
  async function make(afterMs: number): Promise<number> {
    try {
      const { made, coveredAtMs, nextInMs } = await store.auditTrail.addCheckpoint(afterMs, sign)
      state.coveredAtMs = coveredAtMs ?? state.coveredAtMs
      if (made !== undefined) tell(log, made)
      return nextInMs
    } catch (fault) {
      state.errors++
      log.error({ err: fault }, 'an audit checkpoint could not be made; this is tried again')
      return Math.min(afterMs, AUDIT_CHECKPOINT_RETRY_MS)
    }
  }

  async function lookOnce(): Promise<void> {
    cancel()
    const nextInMs = await make(intervalMs)
    if (!closed) cancel = clock.after(Math.max(nextInMs, 1), () => void look())
  }
  function look(): Promise<void> {
    running = running.then(() => (closed ? undefined : lookOnce()))
    return running
  }

  void look()
  return {
    get coveredAtMs() {
      return state.coveredAtMs
    },
    get errors() {
      return state.errors
    },
    look,
    async close() {
      closed = true
      cancel()
      await running
      await make(0)
    },
  }
}

/** One line that operators keep elsewhere: with it, nobody who can write to the database can cut or rewrite what was before it unseen. */
function tell(log: Log, { number, keyId, jws }: AuditCheckpoint): void {
  log.info({ number, keyId, heads: readCheckpoint(jws)?.content.heads, jws }, CHECKPOINT_MESSAGE)
}

/** Answers nothing when no chain has moved since the last one, and outside of them nothing either. */
function signNext(signer: CheckpointSigner): SignCheckpoint {
  return async (last, heads, atMs, unchainedNow) => {
    const written = heads.filter((head) => head.sequence > 0)
    // What somebody else put there as the last one says nothing.
    const before = last !== undefined && (await signer.hasSigned(last.jws)) ? readCheckpoint(last.jws)?.content : undefined
    const unchained = await unchainedNow(before?.unchained)
    const { heads: headsBefore, unchained: unchainedBefore } = before ?? { heads: [], unchained: NO_UNCHAINED }
    const isNew = written.length !== headsBefore.length || !written.every((head, index) => isSame(head, headsBefore[index]))
    if (!isNew && unchained.hash === unchainedBefore.hash) return undefined
    const previous = last === undefined ? {} : { previous: hashOfCheckpoint(last.jws) }
    return await signer.sign({ number: (last?.number ?? 0) + 1, atMs, heads: written, unchained, ...previous })
  }
}

function isSame(head: AuditHead, other: AuditHead | undefined): boolean {
  return other !== undefined && head.chain === other.chain && head.sequence === other.sequence && head.hash === other.hash
}
