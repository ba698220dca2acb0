/** Sends the mails that wait, soon after they were asked for and again when that failed. Any number of processes may. Floor 5. */
import type { Clock } from '../../ground/clock.ts'
import { Coalesced } from '../../ground/coalesce.ts'
import type { Log } from '../../ground/log.ts'
import { MAIL_INTERVAL_MS, MAILS_AT_ONCE_MAX } from '../../model/identity-limits.ts'
import { type DeliverNeeds, deliverMail, type MailResult } from './deliver.ts'

export interface OutboxNeeds extends Omit<DeliverNeeds, 'within'> {
  readonly clock: Clock
  readonly log: Log
  readonly observe: { mailed(result: MailResult): void }
}

export class Outbox {
  readonly #needs: OutboxNeeds
  readonly #rounds = new Coalesced(() => this.#round())
  readonly #stop = new AbortController()
  #cancelNext: (() => void) | undefined
  #toldFault = false

  /** Begins at once. */
  constructor(needs: OutboxNeeds) {
    this.#needs = needs
    this.ring()
  }

  /** A mail may be waiting. Never throws, never waits. */
  ring(): void {
    if (!this.#stop.signal.aborted) void this.#rounds.run()
  }

  /** Mails that are due when this is called have been tried when it resolves. */
  async settle(): Promise<void> {
    await this.#rounds.run()
  }

  /** What is under way is given up or ends; the rest waits for another process, or the next start. */
  async close(): Promise<void> {
    this.#stop.abort()
    this.#cancelNext?.()
    if (!this.#rounds.idle) await this.#rounds.join()
  }

  /** Never throws. */
  async #round(): Promise<void> {
    const { store, clock, log } = this.#needs
    this.#cancelNext?.()
    try {
      for (let goesOn = true; goesOn && !this.#stop.signal.aborted; ) {
        const due = await store.identity.listDueMail(MAILS_AT_ONCE_MAX)
        const results = await Promise.all(due.map((challenge) => this.#deliver(challenge.id)))
        // When another process has taken all of them it takes the others too.
        goesOn = due.length === MAILS_AT_ONCE_MAX && results.some((result) => result !== undefined)
      }
      this.#toldFault = false
    } catch (fault) {
      if (!this.#toldFault)
        log.warn({ fault: fault instanceof Error ? fault.name : 'unknown' }, 'mails could not be looked for; it is tried again')
      this.#toldFault = true
    }
    if (!this.#stop.signal.aborted) this.#cancelNext = clock.after(MAIL_INTERVAL_MS, () => this.ring())
  }

  async #deliver(id: string): Promise<MailResult | undefined> {
    const { log, observe } = this.#needs
    try {
      const delivered = await deliverMail({ ...this.#needs, within: (ms, work) => this.#within(ms, work) }, id)
      if (delivered === undefined) return undefined
      observe.mailed(delivered.result)
      // By its id: the address is nobody's business who reads logs.
      if (delivered.fault !== undefined)
        log.warn({ challenge: id, result: delivered.result, fault: delivered.fault.message }, 'a mail was not sent')
      return delivered.result
    } catch (fault) {
      // Its lease ends, and then it is tried again.
      log.warn(
        { challenge: id, fault: fault instanceof Error ? fault.name : 'unknown' },
        'a mail could not be worked on; it is tried again',
      )
      return undefined
    }
  }

  async #within<T>(ms: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const late = new AbortController()
    const signal = AbortSignal.any([late.signal, this.#stop.signal])
    const cancel = this.#needs.clock.after(ms, () => late.abort())
    try {
      return await work(signal)
    } finally {
      cancel()
    }
  }
}
