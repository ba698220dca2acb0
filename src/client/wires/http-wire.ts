/** Questions over HTTP, one attempt each, without any package. Floor 6. */
import type { Decision, Question } from '../client.ts'
import { type CastellanError, InvalidRequestError } from '../errors.ts'
import { type AnswerForm, parseDecision, parsePermissionList, parseResults } from './answers.ts'
import { type Credentials, checkCredentials, isLoopback, openAuthorize, refusePlaintext, struck } from './credentials.ts'
import { type HttpAnswer, openHttpExchange, type Sent } from './http-exchange.ts'
import { badAnswer, codeIn, isRetried, serviceError, violationsIn } from './service-error.ts'
import type { ClientWire, WireCall } from './wire.ts'

export interface HttpWireOptions {
  /** `https://host:port`, or `http://` on this machine; a path is put before every route. */
  readonly url: string | URL
  /** `tls` goes with an address of https only. */
  readonly credentials: Credentials
  /** The key may travel in the clear beyond this machine: for a network that is encrypted by itself. */
  readonly insecure?: boolean
}

type Plain = Readonly<Record<string, unknown>>

/** Connects when it is first asked. @throws TypeError that says what is wrong with the options */
export function openHttpWire({ url: given, credentials, insecure = false }: HttpWireOptions): ClientWire {
  const url = parseUrl(given)
  checkCredentials(credentials)
  const { tls } = credentials
  if (url.protocol === 'http:') {
    if (tls !== undefined) throw new TypeError('credentials.tls goes with a url of https://')
    if (!isLoopback(url.hostname) && !insecure) refusePlaintext('url', 'use https://')
  }
  const authorize = openAuthorize(credentials)
  const exchange = openHttpExchange(url, tls === true ? undefined : tls)
  const send = async (sent: Pick<Sent, 'method' | 'path' | 'body'>, { signal, remainingMs }: WireCall): Promise<unknown> => {
    const authorization = await authorize()
    const answer = await exchange.send({ ...sent, authorization, signal, remainingMs })
    return answered({
      ...answer,
      contentType: struck(answer.contentType, authorization),
      requestId: answer.requestId === undefined ? undefined : struck(answer.requestId, authorization),
      text: struck(answer.text, authorization),
    })
  }
  const post = async (path: string, asked: object, call: WireCall): Promise<unknown> => {
    const { minPosition } = call
    return await send({ method: 'POST', path, body: JSON.stringify(minPosition === undefined ? asked : { ...asked, minPosition }) }, call)
  }
  return {
    check: async (question, call) => parseDecision(await post('/v1/check', question, call), FORM),
    checkBatch: async (questions: readonly Question[], call): Promise<readonly (Decision | CastellanError)[]> =>
      parseResults(await post('/v1/check/batch', { items: questions }, call), questions.length, FORM),
    async listPermissions({ user, tenant }, call) {
      const path = `/v1/tenants/${segment('tenant', tenant)}/users/${segment('user', user)}/permissions`
      return parsePermissionList(await send({ method: 'GET', path }, call), FORM)
    },
    close: async () => exchange.close(),
  }
}

function parseUrl(given: unknown): URL {
  const text = given instanceof URL ? given.href : given
  const url = typeof text === 'string' && URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    throw new TypeError('url is required: an address beginning with http:// or https://')
  // Never repeated in the error: it may hold a secret.
  if (url.username !== '' || url.password !== '')
    throw new TypeError('url must hold no user and no password: the key goes into credentials.key')
  if (url.search !== '' || url.hash !== '') throw new TypeError('url must end with its path')
  return url
}

/** Addresses resolve these two, even percent-encoded: the question would silently be about something else. */
function segment(field: string, id: string): string {
  if (id !== '.' && id !== '..') return encodeURIComponent(id)
  throw new InvalidRequestError(`The question is wrong: ${field} of "." or ".." cannot stand in an address.`, {
    code: 'request_invalid',
    hint: 'Ask over gRPC.',
    violations: [{ field, message: 'must be neither "." nor ".." over HTTP' }],
  })
}

/** What a status means that comes without a body of ours: from a proxy. */
const CODES: Readonly<Record<number, string>> = {
  401: 'unauthenticated',
  403: 'permission_denied',
  404: 'route_not_found',
  405: 'method_not_allowed',
  413: 'body_too_large',
  429: 'resource_exhausted',
  500: 'internal',
  502: 'unavailable',
  503: 'unavailable',
  504: 'deadline_exceeded',
}

function answered(answer: HttpAnswer): unknown {
  const { status, contentType, requestId } = answer
  if (status === 200) {
    if (!/^application\/json\b/i.test(contentType)) throw badAnswer(`an answer of the type ${contentType.slice(0, 100)}`)
    return objectIn(answer.text) ?? raise(badAnswer('no JSON object'))
  }
  const problem = /^application\/problem\+json\b/i.test(contentType) ? objectIn(answer.text) : undefined
  const seconds = Number(answer.retryAfter)
  const facts = {
    violations: violationsIn(problem?.['violations']),
    ...(Number.isSafeInteger(seconds) && seconds > 0 ? { retryAfterSeconds: seconds } : {}),
    ...(requestId === undefined ? {} : { requestId: requestId.slice(0, REQUEST_ID_CHARACTERS_MAX) }),
    cause: new Error(`HTTP ${status}`, { cause: problem ?? answer.text.slice(0, CAUSE_CHARACTERS_MAX) }),
  }
  const error = serviceError({ ...facts, code: codeIn(problem?.['code']) ?? CODES[status] ?? 'bad_answer' })
  // A code that is newer than this client still means what its status does.
  throw status === 503 && !isRetried(error) ? serviceError({ ...facts, code: 'unavailable' }) : error
}

/** Characters of a request id and of a body that is no problem, kept to look at. */
const REQUEST_ID_CHARACTERS_MAX = 200
const CAUSE_CHARACTERS_MAX = 500

function objectIn(text: string): Plain | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Plain) : undefined
  } catch {
    return undefined
  }
}

function raise(error: CastellanError): never {
  throw error
}

const RFC3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/

const FORM: AnswerForm = {
  leavesOutDefaults: false,
  instantMs: (value) => (typeof value === 'string' && RFC3339.test(value) ? Date.parse(value) : Number.NaN),
}
