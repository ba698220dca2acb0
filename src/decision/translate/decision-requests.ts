/** Questions: plain objects of either wire → the model's questions, or a RequestError that names each field. Floor 5. */
import { z } from 'zod'
import type { ByToken, CheckQuestion, HoldersQuestion, PermissionsQuestion } from '../../model/decision.ts'
import { RequestError } from '../../model/error-code.ts'
import { PRESENTED_TOKEN_CHARACTERS_MAX } from '../../model/identity-limits.ts'
import { idFault } from '../../model/ids.ts'
import { BATCH_ITEMS_MAX, PAGE_SIZE_DEFAULT } from '../../model/limits.ts'
import { attributesFault } from '../../wire/attributes.ts'
import {
  accessTokenSchema,
  idSchema,
  instantSchema,
  pageFields,
  permissionSchema,
  positionSchema,
  resourceSchema,
} from '../../wire/scalars.ts'
import { parseWith, within } from '../../wire/violations.ts'
import { plainRequest } from './grpc-message.ts'

type Plain = Readonly<Record<string, unknown>>

/** As parsed: whom the answer is for is not the request's to say. */
type Presented<Question extends CheckQuestion | PermissionsQuestion> = Omit<ByToken<Question>, 'heldTo'>
export type ParsedCheck = CheckQuestion | Presented<CheckQuestion>
export type ParsedPermissions = PermissionsQuestion | Presented<PermissionsQuestion>

/** Who is asked about: by name, or by an access token in place of both names. */
const subjectFields = {
  user: idSchema.exactOptional().meta({ description: 'Required, unless an access token stands in its place.' }),
  tenant: idSchema.exactOptional().meta({ description: 'Required, unless an access token is for one.' }),
  accessToken: accessTokenSchema.exactOptional(),
}
/** For the documentation: what `subjectFields` alone do not say. */
const NAMES_OR_TOKEN = { anyOf: [{ required: ['user', 'tenant'] }, { required: ['accessToken'] }] }
/** The two ways, each with what it says to a request that mixes them. */
const byName = { user: idSchema, tenant: idSchema, accessToken: accessTokenSchema.exactOptional() }
const byToken = {
  user: z.never({ error: () => 'must not be named beside accessToken' }).exactOptional(),
  tenant: idSchema.exactOptional(),
  accessToken: accessTokenSchema,
}

const checkFields = {
  permission: permissionSchema,
  resource: resourceSchema.exactOptional(),
  minPosition: positionSchema.exactOptional(),
}
/** For the documentation. */
export const checkSchema = z.strictObject({ ...subjectFields, ...checkFields }).meta(NAMES_OR_TOKEN)
const namedCheckSchema = z.strictObject({ ...byName, ...checkFields })
const tokenCheckSchema = z.strictObject({ ...byToken, ...checkFields })

/** The way of every check: no schema is run for a good question, and the schema says what is wrong with any other. */
export function parseCheck(plain: Plain): ParsedCheck {
  for (const name in plain) {
    const value = plain[name]
    const good =
      name === 'user' || name === 'tenant' || name === 'permission'
        ? typeof value === 'string' && idFault(value) === undefined
        : name === 'resource'
          ? typeof value === 'object' && value !== null && !Array.isArray(value) && attributesFault(value as Plain) === undefined
          : name === 'accessToken'
            ? typeof value === 'string' && value !== '' && value.length <= PRESENTED_TOKEN_CHARACTERS_MAX
            : name === 'minPosition' && Number.isSafeInteger(value) && (value as number) >= 0
    if (!good) return parseCheckSlowly(plain)
  }
  const { user, tenant, accessToken } = plain
  const isAbout = accessToken === undefined ? user !== undefined && tenant !== undefined : user === undefined
  return isAbout && plain['permission'] !== undefined ? (plain as unknown as ParsedCheck) : parseCheckSlowly(plain)
}

function parseCheckSlowly(plain: Plain): ParsedCheck {
  return plain['accessToken'] === undefined ? parseWith(namedCheckSchema, plain) : parseWith(tokenCheckSchema, plain)
}

export const batchItemSchema = z.strictObject({
  user: idSchema.exactOptional(),
  tenant: idSchema.exactOptional(),
  accessToken: accessTokenSchema.exactOptional(),
  permission: permissionSchema,
  resource: resourceSchema.exactOptional(),
})
const batchFields = {
  user: idSchema.exactOptional().meta({ description: 'Stands in where an item names no user and has no access token.' }),
  tenant: idSchema.exactOptional().meta({ description: 'Stands in where an item names no tenant and has no access token.' }),
  accessToken: accessTokenSchema.exactOptional(),
  minPosition: positionSchema.exactOptional(),
}
/** For the documentation; parsing looks at the items one by one. */
export const batchSchema = z.strictObject({ ...batchFields, items: z.array(batchItemSchema).min(1).max(BATCH_ITEMS_MAX) })
const envelopeSchema = z.strictObject({ ...batchFields, items: z.array(z.unknown()).min(1).max(BATCH_ITEMS_MAX) })

/** In order; a bad item is a RequestError in its place. @throws RequestError for a bad envelope */
export function parseBatch(plain: Plain): readonly (ParsedCheck | RequestError)[] {
  const { items, ...envelope } = parseWith(envelopeSchema, plain)
  if (envelope.user !== undefined && envelope.accessToken !== undefined)
    throw new RequestError([{ field: 'user', message: 'must not be named beside accessToken' }])
  return items.map((item, index) => {
    try {
      return parseItem(item, envelope)
    } catch (fault) {
      const named = within(`items[${index}]`, fault)
      if (named instanceof RequestError) return named
      throw named
    }
  })
}

function parseItem(item: unknown, envelope: Plain): ParsedCheck {
  if (item instanceof RequestError) throw item
  if (typeof item !== 'object' || item === null || Array.isArray(item))
    throw new RequestError([{ field: 'body', message: 'must be an object' }])
  // minPosition belongs to the envelope: an item that brings its own is told so.
  if (Object.hasOwn(item, 'minPosition')) parseWith(batchItemSchema, item)
  return parseCheck(completed(item as Plain, envelope))
}

/** An item that says who it is about takes no other's name or token; with a token of its own it takes no tenant either, which the token is for. */
function completed(item: Plain, envelope: Plain): Plain {
  if (item['accessToken'] !== undefined) {
    const { user: _user, tenant: _tenant, accessToken: _token, ...rest } = envelope
    return { ...rest, ...item }
  }
  if (item['user'] === undefined || envelope['accessToken'] === undefined) return { ...envelope, ...item }
  const { accessToken: _token, ...rest } = envelope
  return { ...rest, ...item }
}

/** A gRPC batch as HTTP would have sent it; where an item's Struct has no JSON form, its RequestError stands in its place. */
export function plainBatch(message: Plain): Plain {
  const items = message['items']
  return Array.isArray(items) ? { ...plainRequest(message), items: items.map(plainItem) } : plainRequest(message)
}

function plainItem(item: Plain): Plain | RequestError {
  try {
    return plainRequest(item)
  } catch (fault) {
    if (fault instanceof RequestError) return fault
    throw fault
  }
}

const permissionsFields = {
  permissions: z.array(permissionSchema).min(1).max(BATCH_ITEMS_MAX).meta({ description: 'Full names or codes.' }),
  minPosition: positionSchema.exactOptional(),
}
/** For the documentation. */
export const permissionsSchema = z.strictObject({ ...subjectFields, ...permissionsFields }).meta(NAMES_OR_TOKEN)
const namedPermissionsSchema = z.strictObject({ ...byName, ...permissionsFields })
const tokenPermissionsSchema = z.strictObject({ ...byToken, ...permissionsFields })

export function parsePermissions(plain: Plain): ParsedPermissions {
  return plain['accessToken'] === undefined ? parseWith(namedPermissionsSchema, plain) : parseWith(tokenPermissionsSchema, plain)
}

const atSchema = instantSchema.exactOptional().meta({
  description: 'RFC 3339 with an offset: then, or by then, instead of now. Needs the scope `audit` or `administer` in place of `decide`.',
})
export const listPermissionsSchema = z.strictObject({ user: idSchema, tenant: idSchema, at: atSchema })
export function parseListPermissions(plain: Plain): { readonly user: string; readonly tenant: string; readonly at?: number } {
  return parseWith(listPermissionsSchema, plain)
}

export const listUsersSchema = z.strictObject({ tenant: idSchema, permission: permissionSchema, at: atSchema, ...pageFields })
export function parseListUsers(plain: Plain): { readonly question: HoldersQuestion; readonly at?: number } {
  const { at, ...question } = parseWith(listUsersSchema, plain)
  return { question: { pageSize: PAGE_SIZE_DEFAULT, ...question }, ...(at === undefined ? {} : { at }) }
}
