/** What the scripts of all pages share. Words come from the page, never from here; nothing is ever inserted as HTML. */

export const element = (id) => document.getElementById(id)

const words = element('messages').dataset

/** Says how it goes, and takes back what went wrong before. */
export function say(name) {
  element('problem').textContent = ''
  element('status').textContent = name === undefined ? '' : (words[name] ?? '')
}

export function complain(name) {
  element('status').textContent = ''
  element('problem').textContent = words[name] ?? words.failed
}

export const word = (name) => words[name]

/** JSON there and back; the header tells our pages from other people's forms. Never throws: a network that is away has status 0. */
export async function post(path, body) {
  try {
    const response = await fetch(path, {
      method: 'POST',
      credentials: 'same-origin',
      headers: { 'content-type': 'application/json', 'x-castellan-csrf': '1' },
      body: JSON.stringify(body),
    })
    return { status: response.status, body: response.status === 204 ? {} : await response.json() }
  } catch {
    return { status: 0, body: {} }
  }
}

/** The name of what to say about an answer that is no success. */
export function problemOf({ status }) {
  if (status === 401) return 'refused'
  if (status === 429) return 'limited'
  if (status === 400) return 'invalid'
  return 'failed'
}

/** Radio buttons, in place of those that were there. */
export function offerTenants(tenants) {
  const group = element('tenants')
  for (const label of group.querySelectorAll('label')) label.remove()
  for (const { id, displayName } of tenants) {
    const label = document.createElement('label')
    const input = document.createElement('input')
    input.type = 'radio'
    input.name = 'tenant'
    input.value = id
    input.required = true
    label.append(input, ` ${displayName ?? id}`)
    group.append(label)
  }
  group.hidden = false
}

export function chosenTenant() {
  return document.querySelector('input[name="tenant"]:checked')?.value
}

/** Where the application is, which the server checked against what is registered; without one, here. */
export function leaveFor(redirectUri) {
  say('done')
  if (redirectUri !== undefined) location.replace(redirectUri)
}

/** While one answer is awaited there is nothing to press. */
export async function busy(form, work) {
  const buttons = form.querySelectorAll('button')
  for (const button of buttons) button.disabled = true
  say('working')
  try {
    await work()
  } finally {
    for (const button of buttons) button.disabled = false
  }
}
