/** One question in every form that the contract has, on both wires. */
import type { TokenWires } from './token-wires.ts'
import { ask, bearer, type Client, call, detailsOf } from './wires.ts'

export const READ = 'coding.medical-stay.read'

export type Subject = Record<string, unknown>
export interface Asked {
  readonly allowed: boolean
  readonly reason?: string
  /** Where the answer is of many permissions. */
  readonly denied?: string
}

export interface TokenForms {
  inForm(form: string, subject: Subject, key?: string): Promise<Asked>
  /** The answer, or the fault of either wire as `{code, fields}`. */
  http(path: string, body: unknown, key?: string): Promise<Client>
}

interface Asking {
  readonly http: (path: string, body: unknown) => Promise<Client>
  readonly grpc: (method: string, message: unknown) => Promise<Client>
  readonly stream: (check: unknown) => Promise<Asked>
}
const FORMS: Readonly<Record<string, (asking: Asking, subject: Subject) => Promise<Asked>>> = {
  'HTTP Check': async ({ http }, subject) => (await http('/v1/check', { ...subject, permission: READ })) as Asked,
  'HTTP BatchCheck': async ({ http }, subject) => item(await http('/v1/check/batch', inItem(subject))),
  'HTTP BatchCheck, on top': async ({ http }, subject) =>
    item(await http('/v1/check/batch', { ...subject, items: [{ permission: READ }] })),
  'HTTP CheckPermissions': async ({ http }, subject) => first(await http('/v1/check/permissions', { ...subject, permissions: [READ] })),
  'HTTP Explain': async ({ http }, subject) => (await http('/v1/explain', { ...subject, permission: READ })).decision as Asked,
  'gRPC Check': async ({ grpc }, subject) => plain(await grpc('Check', { ...subject, permission: READ })),
  'gRPC BatchCheck': async ({ grpc }, subject) => item(await grpc('BatchCheck', inItem(subject))),
  'gRPC BatchCheck, on top': async ({ grpc }, subject) => item(await grpc('BatchCheck', { ...subject, items: [{ permission: READ }] })),
  'gRPC CheckPermissions': async ({ grpc }, subject) => first(await grpc('CheckPermissions', { ...subject, permissions: [READ] })),
  'gRPC Explain': async ({ grpc }, subject) => plain((await grpc('Explain', { ...subject, permission: READ })).decision),
  'gRPC CheckStream': ({ stream }, subject) => stream({ ...subject, permission: READ }),
}
/** A position is asked for of a whole batch. */
const inItem = ({ minPosition, ...subject }: Subject) => ({
  items: [{ ...subject, permission: READ }],
  ...(minPosition === undefined ? {} : { minPosition }),
})
export const FORM_NAMES = Object.keys(FORMS)

/** A deny for a reason that is none of the permission's. */
export const closed = (form: string, reason: string) =>
  form.includes('Permissions') ? { allowed: false, denied: reason } : { allowed: false, reason }

export function openTokenForms(wires: TokenWires, client: Client): TokenForms {
  const http = async (path: string, body: unknown, key = wires.keys.decide): Promise<Client> => {
    const { status, json } = await call(wires, 'POST', path, body, key)
    if (status !== 200) throw { code: json.code, fields: fieldsOf(json.violations) }
    return json
  }
  const grpc = async (method: string, message: unknown, key: string): Promise<Client> =>
    await ask(client, method, message, key).catch((fault) => {
      throw asFault(fault)
    })
  const stream = async (check: unknown, key: string): Promise<Asked> => {
    const one = openStream(client, key)
    try {
      return await one.ask(check)
    } finally {
      one.end()
    }
  }
  return {
    http,
    inForm: (form, subject, key = wires.keys.decide) =>
      (FORMS[form] as (typeof FORMS)[string])(
        {
          http: (path, body) => http(path, body, key),
          grpc: (method, message) => grpc(method, message, key),
          stream: (check) => stream(check, key),
        },
        subject,
      ),
  }
}

/** Open until it is ended; asks one thing after the other. */
export function openStream(client: Client, key: string): { ask(check: unknown): Promise<Asked>; end(): void } {
  const stream = client.CheckStream(bearer(key))
  let waiting: { readonly resolve: (answer: Asked) => void; readonly reject: (fault: unknown) => void } | undefined
  let asked = 0
  const answered = () => {
    const one = waiting
    waiting = undefined
    return one
  }
  stream.on('error', (status: Parameters<typeof detailsOf>[0]) => {
    // One that ends with nothing unanswered says nothing of an answer.
    if (waiting !== undefined) answered()?.reject(asFault(status))
  })
  stream.on('data', ({ decision, error }: Client) => {
    if (decision !== undefined) answered()?.resolve(plain(decision))
    else answered()?.reject({ code: error.code, fields: fieldsOf(error.violations) })
  })
  return {
    ask: (check) =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject }
        stream.write({ id: `${asked++}`, check })
      }),
    end: () => stream.end(),
  }
}

function asFault(status: Parameters<typeof detailsOf>[0]): { readonly code: string | undefined; readonly fields: string[] } {
  const { details } = detailsOf(status)
  const code = details.find(({ reason }) => reason !== undefined)?.reason.toLowerCase()
  return { code, fields: fieldsOf(details.find(({ fieldViolations }) => fieldViolations)?.fieldViolations) }
}
/** Without the place that the form puts in front. */
export const fieldsOf = (violations: { field: string }[] = []) => violations.map(({ field }) => field.replace(/^(items\[0\]|check)\./, ''))
/** proto3 leaves out what is false. */
const plain = (decision: Client): Asked => ({ ...decision, allowed: decision.allowed === true })
const first = ({ allowed, denied }: Client): Asked => ({
  allowed: allowed?.[0] === true,
  ...(denied === undefined || denied === '' ? {} : { denied }),
})
function item(answer: Client): Asked {
  const { decision, error } = answer.items[0]
  if (error !== undefined) throw { code: error.code, fields: fieldsOf(error.violations) }
  return plain(decision)
}
