/** Signing in and out, as far as only the browser can: it holds the refresh token, in a cookie of the login service that no script can read. */
const { issuer, start } = document.body.dataset
const HEADERS = { 'x-castellan-csrf': '1' }

/** A new access token for the office, which keeps it to itself. Answers whether there was one. */
async function renew() {
  const answer = await fetch(`${issuer}/oauth/token`, {
    method: 'POST',
    credentials: 'include',
    headers: HEADERS,
    body: new URLSearchParams({ grant_type: 'refresh_token', client_id: 'office' }),
  })
  if (!answer.ok) return false
  const { access_token: token } = await answer.json()
  return (await fetch('/session', { method: 'POST', headers: { authorization: `Bearer ${token}` } })).ok
}

/** Whether the cookie came back that was just set. Without it the way back would only lead here again, for ever. */
async function isKept() {
  return (await fetch('/session')).ok
}

/** Where a page that wants a session goes on: there, to the login service, or to the page that says why neither helps. */
async function next() {
  if (await renew()) return (await isKept()) ? wanted() : NO_COOKIE
  // The office names the page that it sends here from. Without one the person comes from the login, whose cookie should be there.
  return new URLSearchParams(location.search).has('to') ? start : NO_COOKIE
}

async function signOut(button) {
  await fetch('/sign-out', { method: 'POST' })
  // Without a login there is nothing to end: 401 is as good.
  const { status } = await fetch(`${issuer}/v1/logout`, { method: 'POST', credentials: 'include', headers: HEADERS })
  if (status === 204 || status === 401) location.replace('/signed-out')
  else button.textContent = 'Not signed out yet: try again'
}

/** Where the person wanted to go; a path of this application, and nothing that only looks like one. */
function wanted() {
  const to = new URLSearchParams(location.search).get('to') ?? '/'
  return /^\/(?!\/)[\w/-]*$/.test(to) ? to : '/'
}

const NO_COOKIE = '/no-cookie'
const RENEW_MS = 4 * 60_000
const button = document.querySelector('#sign-out')
if (location.pathname === '/signed-in') location.replace(await next())
else if (button !== null) {
  button.addEventListener('click', () =>
    signOut(button).catch(() => {
      button.textContent = 'Not signed out yet: try again'
    }),
  )
  // A token lives five minutes: the form that somebody fills in slowly must not find it over.
  setInterval(() => renew().catch(() => undefined), RENEW_MS)
}
