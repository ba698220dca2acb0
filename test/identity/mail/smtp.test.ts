/** Mails over a real SMTP server: to one recipient, over TLS where anybody could listen, and failing without a word of what they say. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Mail, MailError } from '../../../src/identity/mail/mailer.ts'
import { SmtpMailer } from '../../../src/identity/mail/smtp.ts'
import { type MailServer, readable, startMailServer } from './mail-server.ts'

const FROM = { name: 'Castellan', address: 'login@hospital.example' }
const MAIL: Mail = { to: 'ann@hospital.example', subject: 'Connexion à Codage', text: 'Ouvrez : là\n', html: '<p>Ouvrez&nbsp;: là</p>' }
const never = new AbortController().signal

let server: MailServer
const mailers: SmtpMailer[] = []
beforeAll(async () => {
  server = await startMailServer()
})
afterAll(async () => {
  for (const mailer of mailers) mailer.close()
  await server.close()
})

function open(url = server.url): SmtpMailer {
  const mailer = new SmtpMailer({ url, from: FROM })
  mailers.push(mailer)
  return mailer
}

async function faultOf(sent: Promise<void>): Promise<MailError> {
  return sent.then(
    () => Promise.reject(new Error('sent')),
    (fault) => fault,
  )
}

describe('a mail', () => {
  it('reaches its one recipient, as text and as HTML', async () => {
    await open().send(MAIL, never)
    const [mail] = server.received.splice(0)
    expect(mail).toMatchObject({ from: FROM.address, to: [MAIL.to] })
    const text = readable(mail?.raw ?? '')
    expect(text).toContain('Ouvrez : là')
    expect(text).toContain('<p>Ouvrez&nbsp;: là</p>')
    expect(text).toContain('Auto-Submitted: auto-generated')
    expect(text).toMatch(/^From: Castellan <login@hospital\.example>\r?$/m)
    expect(text).toMatch(/^To: ann@hospital\.example\r?$/m)
  })

  it.each([
    'ann@hospital.example, eve@evil.example',
    'ann@hospital.example\r\nBcc: eve@evil.example',
    'ann@hospital.example>\r\nRCPT TO:<eve@evil.example',
    'Eve <eve@evil.example>',
  ])('to %j reaches nobody', async (to) => {
    expect(await faultOf(open().send({ ...MAIL, to }, never))).toMatchObject({ code: 'mail_failed', permanent: true })
    expect(server.received.splice(0)).toEqual([])
  })

  it('keeps its headers, whatever its subject holds', async () => {
    await open().send({ ...MAIL, subject: 'Sign in\r\nBcc: eve@evil.example\r\n\r\nbody' }, never)
    const [mail] = server.received.splice(0)
    expect(mail?.to).toEqual([MAIL.to])
    expect(mail?.raw).not.toMatch(/^Bcc:/im)
  })

  it('does not leave in the clear for another machine', async () => {
    // The name is not loopback's, though it leads there: STARTTLS is asked for, and the server has none.
    const { port } = server
    const fault = await faultOf(open(`smtp://0.0.0.0:${port}`).send(MAIL, never))
    expect(fault).toMatchObject({ code: 'mail_failed', permanent: false })
    expect(server.received.splice(0)).toEqual([])
  })
})

describe('a mail that fails', () => {
  it('says whether trying again is of use, and nothing of the mail', async () => {
    server.refusals.push(
      { responseCode: 550, message: `No mailbox ${MAIL.to} here` },
      { responseCode: 451, message: `Greylisted ${MAIL.to}` },
    )
    const faults = [await faultOf(open().send(MAIL, never)), await faultOf(open().send(MAIL, never))]
    expect(faults.map(({ permanent }) => permanent)).toEqual([true, false])
    for (const { message, stack, cause } of faults) {
      expect(`${message}${stack}`).not.toContain(MAIL.to)
      expect(cause).toBeUndefined()
    }
  })

  it('does so when there is no server, or a wrong password', async () => {
    const fault = await faultOf(open('smtp://127.0.0.1:1').send(MAIL, never))
    expect(fault).toMatchObject({ code: 'mail_failed', permanent: false })
    const strict = await startMailServer({
      authOptional: false,
      allowInsecureAuth: true,
      onAuth: (_auth, _session, done) => done(new Error('Wrong')),
    })
    try {
      const refused = await faultOf(open(`smtp://user:se%40cret@127.0.0.1:${strict.port}`).send(MAIL, never))
      expect(refused).toMatchObject({ code: 'mail_failed', permanent: false })
      expect(refused.message).not.toContain('se@cret')
    } finally {
      await strict.close()
    }
  })

  it('ends when it is given up', async () => {
    const silent = await startMailServer({ onMailFrom: () => undefined })
    try {
      const given = new AbortController()
      const sent = faultOf(open(silent.url).send(MAIL, given.signal))
      given.abort()
      expect(await sent).toMatchObject({ code: 'mail_failed', permanent: false })
    } finally {
      for (const mailer of mailers.splice(0)) mailer.close()
      await silent.close()
    }
  })
})
