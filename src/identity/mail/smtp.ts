/** Sends mails over SMTP, by a few connections that are kept. Composes nothing, and logs nothing. Floor 5. */
import { createTransport } from 'nodemailer'
import { normalizeEmail } from '../../model/email.ts'
import { MAIL_TIMEOUT_MS, MAILS_AT_ONCE_MAX } from '../../model/identity-limits.ts'
import { type Mail, MailError, type Mailer } from './mailer.ts'

export interface SmtpSettings {
  /** `smtp://user:password@host:port` or `smtps://…`; what else stands in it is not used. */
  readonly url: string
  readonly from: { readonly name: string | undefined; readonly address: string }
  /** Authorities (PEM) for TLS; absent: those that Node trusts. */
  readonly ca?: Buffer | undefined
}

/** Beyond it a server that keeps connections alive for ever is asked anew: it may have moved. */
const MAILS_PER_CONNECTION_MAX = 100
const RESPONSE_BYTES_MAX = 65_536
const IDLE_MS = 30_000

export class SmtpMailer implements Mailer {
  readonly #transport: ReturnType<typeof open>
  readonly #from: SmtpSettings['from']

  /** Connects with the first mail. */
  constructor(settings: SmtpSettings) {
    this.#transport = open(settings)
    this.#from = settings.from
    // One without a listener would end the process; each mail hears of its own fault.
    this.#transport.on('error', () => undefined)
  }

  async send({ to, subject, text, html }: Mail, signal: AbortSignal): Promise<void> {
    // The library reads a list of addresses in an envelope, also in one of a list's entries: nothing but one address may reach it.
    if (normalizeEmail(to) !== to) throw new MailError('recipient is no single address', true)
    try {
      const from = { name: this.#from.name ?? '', address: this.#from.address }
      const sent = await this.#transport.sendMail({
        from,
        to: { name: '', address: to },
        envelope: { from: from.address, to: [to] },
        subject,
        text,
        html,
        // Nobody's absence note helps anybody here (RFC 3834, 2).
        headers: { 'Auto-Submitted': 'auto-generated' },
        signal,
      })
      if (sent.rejected.length > 0) throw new MailError('recipient refused', true)
    } catch (fault) {
      throw fault instanceof MailError ? fault : new MailError(wordOf(fault), isPermanent(fault))
    }
  }

  close(): void {
    this.#transport.close()
  }
}

function open({ url, ca }: SmtpSettings) {
  const { protocol, hostname, port, username, password } = new URL(url)
  const host = hostname.replace(/^\[|\]$/g, '')
  const secure = protocol === 'smtps:'
  return createTransport({
    pool: true,
    host,
    secure,
    ...(port === '' ? {} : { port: Number(port) }),
    // A link that travels in the clear is anybody's. On this very machine there is nobody in between.
    requireTLS: !secure && !isLoopback(host),
    ...(username === '' ? {} : { auth: { user: decodeURIComponent(username), pass: decodeURIComponent(password) } }),
    ...(ca === undefined ? {} : { tls: { ca } }),
    maxConnections: MAILS_AT_ONCE_MAX,
    maxMessages: MAILS_PER_CONNECTION_MAX,
    // A mail is tried again by who sends it, with secrets of its own.
    maxRequeues: 0,
    idleTimeout: IDLE_MS,
    connectionTimeout: MAIL_TIMEOUT_MS,
    greetingTimeout: MAIL_TIMEOUT_MS,
    socketTimeout: MAIL_TIMEOUT_MS,
    dnsTimeout: MAIL_TIMEOUT_MS,
    maxResponseSize: RESPONSE_BYTES_MAX,
    disableFileAccess: true,
    disableUrlAccess: true,
    logger: false,
  })
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

/** A code of the library or of SMTP; the server's own words may repeat the address. */
function wordOf(fault: unknown): string {
  const { code, responseCode } = partsOf(fault)
  return [code ?? 'unknown', responseCode].filter((part) => part !== undefined).join(' ')
}

/** A 5yz reply to the mail itself; what is wrong with our login or our sender can be put right meanwhile. */
function isPermanent(fault: unknown): boolean {
  const { command, responseCode } = partsOf(fault)
  return command === 'RCPT TO' && responseCode !== undefined && responseCode >= 500
}

function partsOf(fault: unknown): { readonly code?: string; readonly command?: string; readonly responseCode?: number } {
  if (!(fault instanceof Error)) return {}
  return {
    ...('code' in fault && typeof fault.code === 'string' ? { code: fault.code } : {}),
    ...('command' in fault && typeof fault.command === 'string' ? { command: fault.command } : {}),
    ...('responseCode' in fault && typeof fault.responseCode === 'number' ? { responseCode: fault.responseCode } : {}),
  }
}
