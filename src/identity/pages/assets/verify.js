/** Shows what a link would do, and does it at the click. Opening this page, or running it, consumes nothing. */
import { busy, chosenTenant, complain, element, leaveFor, offerTenants, post, problemOf, say, word } from './page.js'

const token = location.hash.slice(1)
const named = new URLSearchParams(location.search).get('locale')
// Out of the address bar, the history and whatever is shared of them.
history.replaceState(null, '', location.pathname + location.search)

for (const link of document.querySelectorAll('a.language')) {
  link.addEventListener('click', (event) => {
    event.preventDefault()
    location.replace(`/login/verify?locale=${link.hreflang}#${token}`)
  })
}

function show(view) {
  element(view.kind === 'invitation' ? 'invited' : 'asked').hidden = false
  element('account').textContent = view.maskedEmail
  element('application').textContent = view.application
  element('time').textContent = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: 'long', timeStyle: 'short' }).format(
    new Date(view.askedAt),
  )
  element('device').textContent = view.device ?? word('unknown')
  element('other-device').hidden = !view.otherDevice
  if (view.tenants.length > 1) offerTenants(view.tenants)
  element('agree').hidden = false
  say()
  // The heading, not the button: a key that was pressed too often must not agree.
  element('title').focus()
}

element('agree').addEventListener('submit', (event) => {
  event.preventDefault()
  busy(event.target, async () => {
    const tenant = chosenTenant()
    const answer = await post('/v1/login/verify', { token, cookie: true, ...(tenant === undefined ? {} : { tenant }) })
    if (answer.status === 200) {
      element('agree').hidden = true
      return leaveFor(answer.body.redirectUri)
    }
    if (answer.status === 409 && answer.body.tenants !== undefined) {
      offerTenants(answer.body.tenants)
      complain('choose')
      return
    }
    if (answer.status === 401) element('agree').hidden = true
    complain(problemOf(answer))
  })
})

async function look() {
  say('looking')
  const answer = await post('/v1/login/peek', { token })
  if (answer.status !== 200) return complain(problemOf(answer))
  // The mail was in the language that was asked for; so is this page, unless it was told otherwise.
  if (named === null && answer.body.locale !== document.documentElement.lang) {
    location.replace(`/login/verify?locale=${answer.body.locale}#${token}`)
    return
  }
  show(answer.body)
}

if (token === '') complain('token')
else look()
