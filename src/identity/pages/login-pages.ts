/** The two pages that a person meets: asking for a link, and agreeing to sign in. The same bytes for everybody who reads one language. Floor 5. */
import type { Locale } from '../../model/identity.ts'
import { escapeHtml, messages, pageOf, tenantChoice } from './html.ts'
import { PAGE_TEXTS } from './texts.ts'

function sharedMessages(locale: Locale) {
  const { done, working, refused, invalid, limited, failed, chooseTenant } = PAGE_TEXTS[locale]
  return { done, working, refused, invalid, limited, failed, choose: chooseTenant }
}

export function startPage(locale: Locale): string {
  const { start } = PAGE_TEXTS[locale]
  const main = `
<h1 id="title" tabindex="-1">${escapeHtml(start.title)}</h1>
<form id="ask" method="post" novalidate>
<p>${escapeHtml(start.intro)}</p>
<label for="email">${escapeHtml(start.email)}</label>
<input id="email" name="email" type="email" autocomplete="email" inputmode="email" maxlength="254" required autofocus aria-describedby="problem">
<button type="submit">${escapeHtml(start.submit)}</button>
</form>
<section id="sent" hidden aria-labelledby="sent-title">
<h2 id="sent-title" tabindex="-1">${escapeHtml(start.sentTitle)}</h2>
<p>${escapeHtml(start.sent)}</p>
<p class="hint">${escapeHtml(start.sentHint)}</p>
<form id="answer" method="post" novalidate>
<label for="code">${escapeHtml(start.code)}</label>
<input id="code" name="code" type="text" inputmode="numeric" autocomplete="one-time-code" pattern="[0-9]{6}" maxlength="7" required aria-describedby="code-hint problem">
<p id="code-hint" class="hint">${escapeHtml(start.codeHint)}</p>
${tenantChoice(locale)}
<button type="submit">${escapeHtml(start.submitCode)}</button>
</form>
<p><button id="again" type="button" class="plain">${escapeHtml(start.again)}</button></p>
</section>
${messages({ ...sharedMessages(locale), client: start.noClient })}`
  return pageOf({ locale, title: start.title, path: '/login', script: 'start.js', main })
}

export function verifyPage(locale: Locale): string {
  const { verify } = PAGE_TEXTS[locale]
  const row = (name: string, label: string) => `<dt>${escapeHtml(label)}</dt><dd id="${name}"></dd>`
  const main = `
<h1 id="title" tabindex="-1">${escapeHtml(verify.title)}</h1>
<form id="agree" method="post" hidden>
<p id="asked" hidden>${escapeHtml(verify.asked)}</p>
<p id="invited" hidden>${escapeHtml(verify.invited)}</p>
<dl>${row('account', verify.account)}${row('application', verify.application)}${row('time', verify.time)}${row('device', verify.device)}</dl>
<p id="other-device" class="notice" hidden>${escapeHtml(verify.otherDevice)}</p>
${tenantChoice(locale)}
<button type="submit">${escapeHtml(verify.submit)}</button>
<p class="hint">${escapeHtml(verify.notYou)}</p>
</form>
${messages({ ...sharedMessages(locale), looking: verify.looking, token: verify.noToken, unknown: verify.unknownDevice })}`
  return pageOf({ locale, title: verify.title, path: '/login/verify', script: 'verify.js', main })
}
