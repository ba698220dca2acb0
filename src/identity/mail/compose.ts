/** A login or an invitation as a mail, in HTML and as text. Whatever comes from outside is escaped here. Sends nothing. Floor 5. */
import type { ChallengeRecord } from '../../model/identity.ts'
import { describeDevice } from '../login/device.ts'
import type { Mail } from './mailer.ts'
import { INVITATION_TEXTS, LOGIN_TEXTS } from './texts.ts'

export interface MailContent {
  readonly challenge: Pick<ChallengeRecord, 'kind' | 'email' | 'locale' | 'agent' | 'createdAtMs'>
  /** Name of the application, as it was registered. */
  readonly application: string
  /** Public address of the identity service, from settings and never from a request. */
  readonly base: string
  readonly token: string
  /** Absent: no browser asked, so there is nowhere to type it. */
  readonly code?: string
}

const SUBJECT_NAME_CHARACTERS_MAX = 60
/** Of our pages too: calm, readable, and nothing that has to be loaded. */
const STYLE = 'font-family:system-ui,sans-serif;font-size:16px;line-height:1.5;color:#1a1a1a;max-width:34em;margin:0 auto;padding:24px'
const BUTTON = 'display:inline-block;padding:12px 24px;background:#0b57a4;color:#ffffff;border-radius:6px;text-decoration:none'

export function composeMail({ challenge, application, base, token, code }: MailContent): Mail {
  const texts = (challenge.kind === 'login' ? LOGIN_TEXTS : INVITATION_TEXTS)[challenge.locale]
  const name = oneLine(application)
  // In the fragment, which no server, proxy or referrer ever sees.
  const link = `${base}/login/verify#${token}`
  const when = new Date(challenge.createdAtMs).toLocaleString(texts.timeFormat, { timeZone: 'UTC', dateStyle: 'long', timeStyle: 'short' })
  const asked = texts.asked(`${when} UTC`, describeDevice(challenge.agent))
  const intro = texts.intro(name)
  const text = [
    intro,
    link,
    ...(code === undefined ? [] : [`${texts.orCode}\n\n${code}`]),
    `${asked}\n${texts.lasts}`,
    texts.notYou,
    '',
  ].join('\n\n')
  return { to: challenge.email, subject: texts.subject(shortened(name)), text, html: htmlOf() }

  function htmlOf(): string {
    const paragraph = (content: string) => `<p>${escapeHtml(content)}</p>`
    return [
      `<!doctype html><html lang="${challenge.locale}"><head><meta charset="utf-8"><title>${escapeHtml(texts.heading)}</title></head>`,
      `<body style="${STYLE}"><h1 style="font-size:22px">${escapeHtml(texts.heading)}</h1>`,
      paragraph(intro),
      `<p><a href="${escapeHtml(link)}" style="${BUTTON}">${escapeHtml(texts.button)}</a></p>`,
      `${paragraph(texts.orCopy)}<p style="word-break:break-all">${escapeHtml(link)}</p>`,
      ...(code === undefined
        ? []
        : [`${paragraph(texts.orCode)}<p style="font-size:28px;letter-spacing:4px;font-family:monospace">${escapeHtml(code)}</p>`]),
      paragraph(`${asked} ${texts.lasts}`),
      `${paragraph(texts.notYou)}</body></html>`,
    ].join('\n')
  }
}

/** Safe in a header and in a text: a name cannot begin a line of its own, nor turn the writing direction of what follows. */
function oneLine(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]+/gu, ' ')
    .trim()
}

function shortened(name: string): string {
  const characters = [...name]
  return characters.length <= SUBJECT_NAME_CHARACTERS_MAX ? name : `${characters.slice(0, SUBJECT_NAME_CHARACTERS_MAX - 1).join('')}…`
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;').replaceAll("'", '&#39;')
}
