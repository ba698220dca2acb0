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

async function signOut() {
  await fetch('/sign-out', { method: 'POST' })
  await fetch(`${issuer}/v1/logout`, { method: 'POST', credentials: 'include', headers: HEADERS })
  location.replace('/signed-out')
}

/** Where the person wanted to go; nowhere but in this application. */
function wanted() {
  const to = new URL(new URLSearchParams(location.search).get('to') ?? '/', location.origin)
  return to.origin === location.origin ? to.pathname : '/'
}

const RENEW_MS = 4 * 60_000
if (location.pathname === '/signed-in') location.replace((await renew()) ? wanted() : start)
else if (document.querySelector('#sign-out') !== null) {
  document.querySelector('#sign-out').addEventListener('click', () => signOut())
  // A token lives five minutes: the form that somebody fills in slowly must not find it over.
  setInterval(() => renew(), RENEW_MS)
}
