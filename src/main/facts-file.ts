/** A file that says who holds what, for a throw-away service: read and made, by the rules of every other change. Floor 6. */
import { readFile } from 'node:fs/promises'
import { createAssignmentSchema, putTenantSchema, putUserSchema } from '../decision/translate/administration-requests.ts'
import type { Administration, ChangeContext, GrantInput, TenantInput, UserInput } from '../model/administration.ts'
import { SCOPES } from '../model/caller.ts'
import { RequestError } from '../model/error-code.ts'
import { BODY_BYTES_MAX } from '../model/limits.ts'
import { parseWith, unknownField, within } from '../wire/violations.ts'
import { CommandError, EXIT } from './command-line/exit.ts'
import { parseInstant } from './command-line/instant.ts'
import { plain } from './command-line/terminal.ts'
import { placeFault } from './named-place.ts'

export interface Facts {
  readonly tenants: readonly { readonly input: TenantInput; readonly suspended: boolean }[]
  readonly users: readonly { readonly input: UserInput; readonly deactivated: boolean }[]
  readonly grants: readonly GrantInput[]
}

const LISTS = ['tenants', 'users', 'grants'] as const
const CONTEXT: ChangeContext = {
  caller: { id: 'facts', name: 'facts', scopes: SCOPES, tenants: null, builtIn: true },
  reason: 'facts of castellan run',
}
const FORM_HINT = `A facts file is JSON: {"tenants": [{"tenant": "acme"}], "users": [{"user": "ann"}], "grants": [{"user": "ann", "tenant": "acme", "role": "…"}]}`

/** @throws CommandError (usage) naming each field at fault */
export async function readFacts(file: string, nowMs: number): Promise<Facts> {
  const text = await textOf(file)
  try {
    return await parseFacts(jsonOf(text), nowMs)
  } catch (fault) {
    if (!(fault instanceof RequestError)) throw fault
    const lines = fault.violations.map(({ field, message }) => `\n  ${plain(`${field} ${message}`)}`)
    throw new CommandError(EXIT.usage, `--facts ${plain(file)}: refused${lines.join('')}`, FORM_HINT)
  }
}

async function textOf(file: string): Promise<string> {
  try {
    const text = await readFile(file, 'utf8')
    if (Buffer.byteLength(text) <= BODY_BYTES_MAX) return text
  } catch (cause) {
    throw placeFault(`--facts: ${file}`, 'read', cause, FORM_HINT)
  }
  throw new CommandError(EXIT.usage, `--facts ${plain(file)}: larger than ${BODY_BYTES_MAX} bytes`)
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new RequestError([{ field: 'the file', message: 'is not JSON' }])
  }
}

async function parseFacts(json: unknown, nowMs: number): Promise<Facts> {
  const file = objectOf(json, 'the file')
  for (const name of Object.keys(file))
    if (!(LISTS as readonly string[]).includes(name)) throw new RequestError([unknownField(name, name, LISTS)])
  const grants: GrantInput[] = []
  for (const [index, item] of listOf(file, 'grants').entries()) grants.push(await parseGrant(item, `grants[${index}]`, nowMs))
  return {
    tenants: listOf(file, 'tenants').map((item, index) => {
      const { state, input } = parsed(item, `tenants[${index}]`, 'suspended', (rest) => parseWith(putTenantSchema, rest))
      return { input, suspended: state }
    }),
    users: listOf(file, 'users').map((item, index) => {
      const { state, input } = parsed(item, `users[${index}]`, 'deactivated', (rest) => parseWith(putUserSchema, rest))
      return { input, deactivated: state }
    }),
    grants,
  }
}

function listOf(file: Readonly<Record<string, unknown>>, name: (typeof LISTS)[number]): readonly unknown[] {
  const list = file[name] ?? []
  if (!Array.isArray(list)) throw new RequestError([{ field: name, message: 'must be a list' }])
  return list
}

function objectOf(value: unknown, field: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Readonly<Record<string, unknown>>
  throw new RequestError([{ field, message: 'must be an object' }])
}

/** The state beside what a request would say. */
function parsed<Input>(
  item: unknown,
  at: string,
  flag: string,
  parse: (rest: unknown) => Input,
): { readonly state: boolean; readonly input: Input } {
  const { [flag]: state = false, ...rest } = objectOf(item, at)
  if (typeof state !== 'boolean') throw new RequestError([{ field: `${at}.${flag}`, message: 'must be true or false' }])
  return { state, input: inside(at, () => parse(rest)) }
}

/** `from` and `until` as in policy tests: instants, or durations from now. */
async function parseGrant(item: unknown, at: string, nowMs: number): Promise<GrantInput> {
  const { from, until, ...rest } = objectOf(item, at)
  const { tenant, user, role } = inside(at, () => parseWith(createAssignmentSchema.pick({ tenant: true, user: true, role: true }), rest))
  const [validFromMs, expiresAtMs] = [await momentOf(from, `${at}.from`, nowMs), await momentOf(until, `${at}.until`, nowMs)]
  return {
    ...{ tenant, user, role },
    ...(validFromMs === undefined ? {} : { validFromMs }),
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
  }
}

async function momentOf(value: unknown, field: string, nowMs: number): Promise<number | undefined> {
  if (value === undefined) return undefined
  try {
    if (typeof value === 'string') return await parseInstant(field, value, nowMs)
  } catch (fault) {
    if (!(fault instanceof CommandError)) throw fault
  }
  throw new RequestError([
    { field, message: 'must be an instant with its offset (2027-03-01T09:00:00Z) or a duration from now (PT2H, P7D)' },
  ])
}

function inside<Value>(at: string, work: () => Value): Value {
  try {
    return work()
  } catch (fault) {
    throw within(at, fault)
  }
}

/** @throws AppError when the service refuses one */
export async function seedFacts(administration: Administration, { tenants, users, grants }: Facts): Promise<void> {
  for (const { input } of tenants) await administration.putTenant(CONTEXT, input)
  for (const { input } of users) await administration.putUser(CONTEXT, input)
  for (const grant of grants) await administration.grant(CONTEXT, grant)
  for (const { input, suspended } of tenants) if (suspended) await administration.suspendTenant(CONTEXT, input.tenant)
  for (const { input, deactivated } of users) if (deactivated) await administration.deactivateUser(CONTEXT, input.user)
}
