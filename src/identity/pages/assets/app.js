/** The demo application: gets its access token by the cookie, and keeps it in this page only. */
import { complain, element, say, word } from './page.js'

const CSRF = { 'x-castellan-csrf': '1' }

async function renew() {
  say('working')
  const response = await fetch('/oauth/token', {
    method: 'POST',
    headers: { ...CSRF, 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ grant_type: 'refresh_token', client_id: 'demo' }),
  })
  if (!response.ok) return out()
  const { access_token: token } = await response.json()
  const me = await (await fetch('/v1/me', { headers: { authorization: `Bearer ${token}` } })).json()
  element('user').textContent = me.user
  element('email').textContent = me.email ?? ''
  element('tenant').textContent = me.tenant ?? ''
  element('session').textContent = me.sessionId
  element('token').textContent = token
  const question = JSON.stringify({ accessToken: token, permission: 'sales.quote.create' })
  element('curl').textContent =
    `curl -s ${word('check')} -H "Authorization: Bearer $(cat .castellan/development-key)" -H 'Content-Type: application/json' -d '${question}'`
  element('leave').onclick = () => leave(token)
  element('in').hidden = false
  element('out').hidden = true
  say()
}

function out() {
  element('in').hidden = true
  element('out').hidden = false
  say()
}

async function leave(token) {
  const response = await fetch('/v1/logout', { method: 'POST', headers: { ...CSRF, authorization: `Bearer ${token}` } })
  if (response.status === 204 || response.status === 401) out()
  else complain('failed')
}

element('renew').addEventListener('click', () => renew().catch(() => complain('failed')))
renew().catch(() => complain('failed'))
