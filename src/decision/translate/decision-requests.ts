/** Questions: plain objects of either wire → the model's questions, or a RequestError that names each field. Floor 5. */
import { z } from 'zod'
import type { CheckQuestion, HoldersQuestion, PermissionsQuestion } from '../../model/decision.ts'
import { RequestError } from '../../model/error-code.ts'
import { idFault } from '../../model/ids.ts'
import { BATCH_ITEMS_MAX, PAGE_SIZE_DEFAULT } from '../../model/limits.ts'
import { attributesFault } from '../../wire/attributes.ts'
import { idSchema, pageFields, permissionSchema, positionSchema, resourceSchema } from '../../wire/scalars.ts'
import { parseWith, within } from '../../wire/violations.ts'
import { plainRequest } from './grpc-message.ts'

type Plain = Readonly<Record<string, unknown>>

export const checkSchema = z.strictObject({
  user: idSchema,
  tenant: idSchema,
  permission: permissionSchema,
  resource: resourceSchema.exactOptional(),
  minPosition: positionSchema.exactOptional(),
})

/** The way of every check: no schema is run for a good question, and the schema says what is wrong with any other. */
export function parseCheck(plain: Plain): CheckQuestion {
  for (const name in plain) {
    const value = plain[name]
    const good =
      name === 'user' || name === 'tenant' || name === 'permission'
        ? typeof value === 'string' && idFault(value) === undefined
        : name === 'resource'
          ? typeof value === 'object' && value !== null && !Array.isArray(value) && attributesFault(value as Plain) === undefined
          : name === 'minPosition' && Number.isSafeInteger(value) && (value as number) >= 0
    if (!good) return parseWith(checkSchema, plain)
  }
  if (plain['user'] === undefined || plain['tenant'] === undefined || plain['permission'] === undefined)
    return parseWith(checkSchema, plain)
  return plain as unknown as CheckQuestion
}

export const batchItemSchema = z.strictObject({
  user: idSchema.exactOptional(),
  tenant: idSchema.exactOptional(),
  permission: permissionSchema,
  resource: resourceSchema.exactOptional(),
})
const batchFields = {
  user: idSchema.exactOptional().meta({ description: 'Stands in where an item names no user.' }),
  tenant: idSchema.exactOptional().meta({ description: 'Stands in where an item names no tenant.' }),
  minPosition: positionSchema.exactOptional(),
}
/** For the documentation; parsing looks at the items one by one. */
export const batchSchema = z.strictObject({ ...batchFields, items: z.array(batchItemSchema).min(1).max(BATCH_ITEMS_MAX) })
const envelopeSchema = z.strictObject({ ...batchFields, items: z.array(z.unknown()).min(1).max(BATCH_ITEMS_MAX) })

/** In order; a bad item is a RequestError in its place. @throws RequestError for a bad envelope */
export function parseBatch(plain: Plain): readonly (CheckQuestion | RequestError)[] {
  const { items, ...envelope } = parseWith(envelopeSchema, plain)
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

function parseItem(item: unknown, envelope: Plain): CheckQuestion {
  if (item instanceof RequestError) throw item
  if (typeof item !== 'object' || item === null || Array.isArray(item))
    throw new RequestError([{ field: 'body', message: 'must be an object' }])
  // minPosition belongs to the envelope: an item that brings its own is told so.
  if (Object.hasOwn(item, 'minPosition')) parseWith(batchItemSchema, item)
  return parseCheck({ ...envelope, ...item })
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

export const permissionsSchema = z.strictObject({
  user: idSchema,
  tenant: idSchema,
  permissions: z.array(permissionSchema).min(1).max(BATCH_ITEMS_MAX).meta({ description: 'Full names or codes.' }),
  minPosition: positionSchema.exactOptional(),
})
export function parsePermissions(plain: Plain): PermissionsQuestion {
  return parseWith(permissionsSchema, plain)
}

export const listPermissionsSchema = z.strictObject({ user: idSchema, tenant: idSchema })
export function parseListPermissions(plain: Plain): { readonly user: string; readonly tenant: string } {
  return parseWith(listPermissionsSchema, plain)
}

export const listUsersSchema = z.strictObject({ tenant: idSchema, permission: permissionSchema, ...pageFields })
export function parseListUsers(plain: Plain): HoldersQuestion {
  return { pageSize: PAGE_SIZE_DEFAULT, ...parseWith(listUsersSchema, plain) }
}
