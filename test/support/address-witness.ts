/** Every address that browsers asked for, named, showed and remember, held against every secret that they were given. Opens no page itself. */
import type { BrowserContext, Request, Response } from 'playwright-core'

export interface AddressWitness {
  watch(context: BrowserContext): void
  /** What a browser did not see come: out of a mail. */
  keep(what: string, secret: string): void
  /**
   * Looks at what its pages show and could go back to, and closes them.
   * @param scripts without scripts nothing can take the fragment out of the address bar; it is sent nowhere all the same
   */
  close(context: BrowserContext, scripts?: boolean): Promise<void>
  /** How many of each kind are known. */
  kinds(): Readonly<Record<string, number>>
  /** Addresses that were looked at, by where they stood. */
  places(): Readonly<Record<string, number>>
  findings(): readonly string[]
}

/** Where tokens come in bodies. */
const TOKEN_PATHS = ['/oauth/token', '/v1/login/verify']
const TOKEN_FIELDS = ['accessToken', 'access_token', 'refreshToken', 'refresh_token']

export function openAddressWitness(): AddressWitness {
  const secrets = new Map<string, string>()
  const addresses: { readonly place: string; readonly text: string }[] = []
  const pending: Promise<unknown>[] = []
  const keep = (what: string, secret: string) => void secrets.set(secret, what)
  const see = (place: string, text: string) => void addresses.push({ place, text })

  /** Of a page that is left at once the body of an answer cannot be had any more; its cookie can. */
  const follow = (reading: Promise<unknown>) => void pending.push(reading.catch(() => undefined))

  function asked(request: Request): void {
    // A fragment stays in the browser.
    see('request', request.url().split('#', 1)[0] ?? '')
    follow(request.allHeaders().then(({ referer }) => referer === undefined || see('referer', referer)))
  }

  async function answered(response: Response): Promise<void> {
    for (const cookie of await response.headerValues('set-cookie')) {
      const value = /^[^=]+=([^;]+)/.exec(cookie)?.[1]
      if (value !== undefined) keep('cookie', value)
    }
    const location = await response.headerValue('location')
    if (location !== null) see('location', location)
    if (!TOKEN_PATHS.includes(new URL(response.url()).pathname) || response.status() !== 200) return
    const body = (await response.json()) as Readonly<Record<string, unknown>>
    for (const field of TOKEN_FIELDS) if (typeof body[field] === 'string') keep('token', body[field])
  }

  return {
    keep,
    watch(context) {
      context.on('request', asked)
      context.on('response', (response) => follow(answered(response)))
    },
    async close(context, scripts = true) {
      await Promise.all(pending.splice(0))
      for (const { value } of await context.cookies()) keep('cookie', value)
      for (const page of scripts ? context.pages() : []) {
        see('address bar', page.url())
        const session = await context.newCDPSession(page)
        const { entries } = await session.send('Page.getNavigationHistory')
        for (const { url } of entries) see('history', url)
      }
      await context.close()
    },
    kinds: () => count([...secrets.values()]),
    places: () => count(addresses.map(({ place }) => place)),
    findings: () =>
      addresses.flatMap(({ place, text }) =>
        [...secrets].filter(([secret]) => holds(text, secret)).map(([, what]) => `${what} in a ${place}: ${text}`),
      ),
  }
}

function holds(text: string, secret: string): boolean {
  const plain = /%[0-9a-f]{2}/i.test(text) ? `${text}\n${decodeURIComponent(text)}` : text
  // Six digits also stand in ids; a code stands alone.
  return /^\d+$/.test(secret) ? new RegExp(`(?<!\\w)${secret}(?!\\w)`).test(plain) : plain.includes(secret)
}

function count(names: readonly string[]): Readonly<Record<string, number>> {
  const counted: Record<string, number> = {}
  for (const name of names) counted[name] = (counted[name] ?? 0) + 1
  return counted
}
