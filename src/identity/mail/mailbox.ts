/** Keeps mails in memory instead of sending them, for development. Never more than a page of them, and gone with the process. Floor 5. */
import type { Clock } from '../../ground/clock.ts'
import type { Random } from '../../ground/random.ts'
import { MAILBOX_KEPT_MAX } from '../../model/identity-limits.ts'
import type { Mail, Mailer } from './mailer.ts'

export interface KeptMail extends Mail {
  readonly id: string
  readonly atMs: number
}

export class Mailbox implements Mailer {
  readonly #needs: { readonly clock: Clock; readonly random: Random }
  #kept: readonly KeptMail[] = []

  constructor(needs: { readonly clock: Clock; readonly random: Random }) {
    this.#needs = needs
  }

  async send({ to, subject, text, html }: Mail): Promise<void> {
    const { clock, random } = this.#needs
    this.#kept = [{ id: random.uuid(), to, subject, text, html, atMs: clock.nowMs() }, ...this.#kept].slice(0, MAILBOX_KEPT_MAX)
  }

  /** Latest first. */
  list(): readonly KeptMail[] {
    return this.#kept
  }
}
