/** JSON requests of the identity service → typed inputs. What they mean is for the parts behind. Floor 5. */
import { z } from 'zod'
import type { PageInput } from '../../model/administration.ts'
import { LOCALES } from '../../model/identity.ts'
import {
  EMAIL_CHARACTERS_MAX,
  PRESENTED_TOKEN_CHARACTERS_MAX,
  REDIRECT_URI_CHARACTERS_MAX,
  REDIRECT_URIS_MAX,
} from '../../model/identity-limits.ts'
import { PAGE_SIZE_DEFAULT } from '../../model/limits.ts'
import { idSchema, nameSchema, pageFields, positionSchema, storedTextSchema, waitParameterSchema, waitSchema } from '../../wire/scalars.ts'

/** Typed by people: judged by the part that knows addresses, bounded here, spaces around it and all. */
const emailText = z.string().max(EMAIL_CHARACTERS_MAX * 2)
const redirectUri = z.string().max(REDIRECT_URI_CHARACTERS_MAX)
const secretText = z.string().min(1).max(PRESENTED_TOKEN_CHARACTERS_MAX)
const locale = z.enum(LOCALES)
const reason = storedTextSchema.exactOptional()
const change = { reason, wait: waitSchema.exactOptional() }
const changeByQuery = { reason, wait: waitParameterSchema.exactOptional() }

export const startSchema = z.strictObject({
  email: emailText,
  clientId: idSchema,
  redirectUri: redirectUri.exactOptional(),
  tenant: idSchema.exactOptional(),
  locale: locale.exactOptional(),
})
export const peekSchema = z.strictObject({ token: secretText })
/** Either a link's token, or a challenge and its code. */
export const verifySchema = z.strictObject({
  token: secretText.exactOptional(),
  challengeId: z.string().max(64).exactOptional(),
  code: z.string().max(16).exactOptional(),
  tenant: idSchema.exactOptional(),
  cookie: z.boolean().exactOptional(),
})
export const logOutSchema = z.strictObject({ scope: z.enum(['this', 'others', 'all']).exactOptional() })
export const emptySchema = z.strictObject({})
export const pageSchema = z.strictObject(pageFields)
export const sessionSchema = z.strictObject({ session: idSchema })

export const inviteSchema = z.strictObject({
  user: idSchema,
  email: emailText,
  displayName: storedTextSchema.exactOptional(),
  clientId: idSchema,
  redirectUri: redirectUri.exactOptional(),
  tenant: idSchema.exactOptional(),
  locale: locale.exactOptional(),
  ...change,
})
export const userChangeSchema = z.strictObject({ user: idSchema, ...change })
export const userChangeByQuerySchema = z.strictObject({ user: idSchema, ...changeByQuery })
export const userPageSchema = z.strictObject({ user: idSchema, ...pageFields })
export const rotateSchema = z.strictObject({ kind: z.enum(['normal', 'emergency']).exactOptional(), ...change })
export const putClientSchema = z.strictObject({
  id: idSchema,
  name: nameSchema,
  redirectUris: z.array(redirectUri).max(REDIRECT_URIS_MAX),
  ...change,
})
export const clientChangeByQuerySchema = z.strictObject({ id: idSchema, ...changeByQuery })

const VERSION_MESSAGE = 'must be a whole number from 0 on'
export const indexSchema = z.strictObject({
  version: z
    .string()
    .regex(/^(0|[1-9]\d{0,8})$/, { error: () => VERSION_MESSAGE })
    .transform(Number),
})
export const revocationsSchema = z.strictObject({ since: positionSchema.exactOptional() })

/** The page of a list, with the default size where none was named. */
export function pageOf(input: { readonly pageSize?: number; readonly pageToken?: string }): PageInput {
  return {
    pageSize: input.pageSize ?? PAGE_SIZE_DEFAULT,
    ...(input.pageToken === undefined ? {} : { pageToken: input.pageToken }),
  }
}
