/** What sends a mail to one person, and how that fails. Knows no server and no text. Floor 5. */
import { AppError } from '../../ground/errors.ts'

export interface Mail {
  /** One address, normalized. */
  readonly to: string
  readonly subject: string
  readonly text: string
  readonly html: string
}

export interface Mailer {
  /**
   * Resolves when the mail is in the hands of a server that answers for it.
   * @param signal gives up; whether the mail was sent is unknown then
   * @throws MailError
   */
  send(mail: Mail, signal: AbortSignal): Promise<void>
}

/** Says why in a word; never to whom, nor what the server repeated of the mail. */
export class MailError extends AppError<'mail_failed'> {
  /** Trying again is of no use: the server will not take it. */
  readonly permanent: boolean
  constructor(word: string, permanent: boolean) {
    super('mail_failed', `The mail was not sent: ${word}`, 'The mail was not sent.')
    this.permanent = permanent
  }
}
