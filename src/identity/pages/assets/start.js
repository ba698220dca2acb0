/** Asks for a link, and takes the code where the person stayed in this browser. */
import { busy, chosenTenant, complain, element, leaveFor, offerTenants, post, problemOf, say } from './page.js'

const query = new URLSearchParams(location.search)
const asked = Object.fromEntries(
  ['clientId', 'redirectUri', 'tenant'].flatMap((name) => (query.get(name) ? [[name, query.get(name)]] : [])),
)
let challengeId

for (const link of document.querySelectorAll('a.language')) {
  const other = new URLSearchParams(query)
  other.set('locale', link.hreflang)
  link.href = `/login?${other}`
}

if (asked.clientId === undefined) {
  element('ask').hidden = true
  complain('client')
}

element('ask').addEventListener('submit', (event) => {
  event.preventDefault()
  const email = element('email')
  if (!email.checkValidity()) {
    complain('invalid')
    email.focus()
    return
  }
  busy(event.target, async () => {
    const answer = await post('/v1/login/start', { ...asked, email: email.value, locale: document.documentElement.lang })
    if (answer.status !== 202) {
      complain(problemOf(answer))
      email.focus()
      return
    }
    challengeId = answer.body.challengeId
    say()
    element('ask').hidden = true
    element('sent').hidden = false
    element('sent-title').focus()
  })
})

element('answer').addEventListener('submit', (event) => {
  event.preventDefault()
  const code = element('code').value.replace(/\s/g, '')
  if (!/^\d{6}$/.test(code)) {
    complain('invalid')
    element('code').focus()
    return
  }
  busy(event.target, async () => {
    const tenant = chosenTenant()
    const answer = await post('/v1/login/verify', { challengeId, code, cookie: true, ...(tenant === undefined ? {} : { tenant }) })
    if (answer.status === 200) return leaveFor(answer.body.redirectUri)
    if (answer.status === 409 && answer.body.tenants !== undefined) {
      offerTenants(answer.body.tenants)
      complain('choose')
      document.querySelector('input[name="tenant"]').focus()
      return
    }
    complain(problemOf(answer))
    element('code').focus()
  })
})

element('again').addEventListener('click', () => {
  say()
  element('code').value = ''
  element('sent').hidden = true
  element('ask').hidden = false
  element('email').focus()
})
