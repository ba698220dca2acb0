/** Clears away what is long over: challenges, sessions, revocations; and looks how many mails wait. Nothing depends on when it is done. Floor 5. */
import type { Clock } from '../ground/clock.ts'
import type { Log } from '../ground/log.ts'
import { IDENTITY_TIDY_INTERVAL_MS } from '../model/identity-limits.ts'
import type { IdentityReader } from '../store/identity-ports.ts'

export interface IdentityTidyNeeds {
  readonly store: Pick<IdentityReader, 'prune' | 'mailBacklog'>
  readonly clock: Clock
  readonly log: Log
  readonly observe: { mailBacklog(backlog: { readonly waiting: number; readonly oldestMs: number }): void }
}

export function openIdentityTidy({ store, clock, log, observe }: IdentityTidyNeeds): { close(): Promise<void> } {
  let closed = false
  let cancel: () => void = () => undefined

  async function tidy(): Promise<void> {
    observe.mailBacklog(await store.mailBacklog())
    while (!closed && (await store.prune()));
  }

  const tidyOnce = () => tidy().catch((fault: unknown) => log.debug({ err: fault }, 'could not tidy; tried again'))

  function schedule(): void {
    if (closed) return
    cancel = clock.after(IDENTITY_TIDY_INTERVAL_MS, () => {
      running = tidyOnce().then(schedule)
    })
  }

  let running: Promise<void> = tidyOnce().then(schedule)
  return {
    close: async () => {
      closed = true
      cancel()
      await running
    },
  }
}
