/** Pages of the embedded mode only: the mails that would have been sent, and an application to sign in to. English; nobody else sees them. Floor 5. */
import { escapeHtml, messages, pageOf } from './html.ts'

export interface ShownMail {
  readonly id: string
  readonly to: string
  readonly subject: string
  readonly text: string
  readonly html: string
  readonly atMs: number
}

export function mailboxPage(mails: readonly ShownMail[]): string {
  const none = '<p>No mail yet. <a href="/dev/app">Sign in to the demo application</a>, and it arrives here.</p>'
  const main = `
<h1>Mailbox</h1>
<p class="hint">Mails of this development service, latest first. None was sent. As JSON: <a href="/dev/mailbox?format=json">/dev/mailbox?format=json</a></p>
<p><a href="/dev/mailbox">Look again</a></p>
${mails.length === 0 ? none : mails.map(mailArticle).join('\n')}`
  return pageOf({ locale: 'en', title: 'Mailbox', main })
}

function mailArticle({ id, to, subject, text, atMs }: ShownMail): string {
  return `<article class="mail">
<h2>${escapeHtml(subject)}</h2>
<p class="hint">To ${escapeHtml(to)}, ${escapeHtml(new Date(atMs).toISOString())}</p>
<pre>${linked(text)}</pre>
<details><summary>As HTML</summary><iframe title="${escapeHtml(subject)}" sandbox="allow-popups allow-popups-to-escape-sandbox" src="/dev/mailbox/${encodeURIComponent(id)}"></iframe></details>
</article>`
}

/** Links open beside the mailbox: inside its frame they would be without cookies. */
export function mailFrame({ html }: ShownMail): string {
  return html.includes('<head>') ? html.replace('<head>', '<head><base target="_blank">') : `<base target="_blank">${html}`
}

function linked(text: string): string {
  return text
    .split(/(https?:\/\/[^\s<>"']+)/)
    .map((part, at) => (at % 2 === 0 ? escapeHtml(part) : `<a href="${escapeHtml(part)}">${escapeHtml(part)}</a>`))
    .join('')
}

/** @param checkUrl of the decision service, which the page only names */
export function demoPage(issuer: string, checkUrl: string): string {
  const start = `/login?clientId=demo&redirectUri=${encodeURIComponent(`${issuer}/dev/app`)}`
  const main = `
<h1 id="title" tabindex="-1">Demo application</h1>
<section id="out" hidden>
<p>You are not signed in.</p>
<p><a class="button" href="${escapeHtml(start)}">Sign in</a></p>
<p class="hint">The mail arrives in the <a href="/dev/mailbox">mailbox</a> of this service.</p>
</section>
<section id="in" hidden>
<dl><dt>User</dt><dd id="user"></dd><dt>Address</dt><dd id="email"></dd><dt>Tenant</dt><dd id="tenant"></dd><dt>Session</dt><dd id="session"></dd></dl>
<h2>Access token</h2>
<p class="hint">Kept in this page only; the refresh token is in a cookie that no script can read.</p>
<pre id="token" tabindex="0"></pre>
<h2>Ask for a decision with it</h2>
<pre id="curl" tabindex="0"></pre>
<p><button id="renew" type="button">Renew the token</button> <button id="leave" type="button">Sign out</button></p>
</section>
${messages({ working: 'One moment…', failed: 'That did not work.', check: checkUrl })}`
  return pageOf({ locale: 'en', title: 'Demo application', script: 'app.js', main })
}
