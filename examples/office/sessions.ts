/** Who is signed in: the access token stays here, the browser holds a cookie that only names the session. Checks no token. */
import { randomBytes } from 'node:crypto'
import type { Request, Response } from 'express'

export interface Session {
  readonly user: string
  readonly tenant: string
  /** Shown to the service with each question: it knows whether the login still lives. */
  readonly accessToken: string
}

/** `__Host-`: for this host alone; Strict: no page of another site makes the browser send it. */
const COOKIE = '__Host-office'
const ATTRIBUTES = 'Path=/; Secure; HttpOnly; SameSite=Strict'
const ID = /^[A-Za-z0-9_-]{43}$/
/** As long as a login may rest. The token in it is over much sooner, and is renewed by the page. */
const SESSION_MS = 12 * 3_600_000
/** More than one process of an office has; the oldest go. */
const SESSIONS_MAX = 10_000

export class Sessions {
  readonly #sessions = new Map<string, Session & { readonly endsAtMs: number }>()
  readonly #nowMs: () => number

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  /** Always under a new name: one that somebody may have planted is worth nothing. */
  begin(request: Request, response: Response, session: Session): void {
    this.#forget(request)
    const id = randomBytes(32).toString('base64url')
    this.#sessions.set(id, { ...session, endsAtMs: this.#nowMs() + SESSION_MS })
    const [oldest] = this.#sessions.keys()
    if (this.#sessions.size > SESSIONS_MAX && oldest !== undefined) this.#sessions.delete(oldest)
    response.append('set-cookie', `${COOKIE}=${id}; ${ATTRIBUTES}; Max-Age=${SESSION_MS / 1000}`)
  }

  find(request: Request): Session | undefined {
    const session = this.#sessions.get(idOf(request) ?? '')
    return session === undefined || session.endsAtMs <= this.#nowMs() ? undefined : session
  }

  end(request: Request, response: Response): void {
    this.#forget(request)
    response.append('set-cookie', `${COOKIE}=; ${ATTRIBUTES}; Max-Age=0`)
  }

  #forget(request: Request): void {
    const id = idOf(request)
    if (id !== undefined) this.#sessions.delete(id)
  }
}

function idOf(request: Request): string | undefined {
  const pairs = (request.headers.cookie ?? '').split(';').map((pair) => pair.trim())
  const id = pairs.find((pair) => pair.startsWith(`${COOKIE}=`))?.slice(COOKIE.length + 1)
  return id !== undefined && ID.test(id) ? id : undefined
}
