/** Forms that settings share: numbers, ports, addresses, secrets. Names no setting. Floor 6. */
import { isIP } from 'node:net'
import { z } from 'zod'
import { parseRedisAddress } from '../cache/redis-address.ts'
import { defaultedSetting, type Setting } from '../ground/settings.ts'
import { IDENTITY_SECRET_BYTES, IDENTITY_SECRETS_MAX } from '../model/identity-limits.ts'
import { idFault } from '../model/ids.ts'
import { METRIC_TENANTS_MAX } from '../model/observation-limits.ts'
import { WORKERS_MAX } from '../model/process-limits.ts'
import { parseAuditKey } from '../token/audit-key.ts'

export const wholeNumber = (least: number, most: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/)
    .transform(Number)
    .pipe(z.number().min(least).max(most))

/** As many processes, or one for each processor. */
export const workerCount = z.union([z.literal('auto'), wholeNumber(1, WORKERS_MAX)])

export const port = (name: string, meaning: string, fallback: string): Setting<number> =>
  defaultedSetting({
    name,
    meaning,
    fallback,
    accepts: 'a port, 0 to 65535 (0 takes a free one and prints it)',
    schema: wholeNumber(0, 65_535),
  })

export const host = (name: string, meaning: string): Setting<string> =>
  defaultedSetting({
    name,
    meaning,
    fallback: '127.0.0.1',
    accepts: 'an address of this machine; `0.0.0.0` or `::` is all of them',
    schema: z.string().regex(/^[0-9A-Za-z.:-]{1,253}$/),
  })

export const path = z.string().min(1).max(4_096)
export const flag = z.enum(['true', 'false']).transform((text) => text === 'true')

export const redisAddress = z.string().transform((text, context) => {
  const address = parseRedisAddress(text)
  if (address !== undefined) return address
  // Without the text: it may hold a password.
  context.addIssue({ code: 'custom', message: 'is not an address of Redis' })
  return z.NEVER
})

/** Ids with a comma cannot be named by it. */
export const tenantList = z.string().transform((text, context): readonly string[] => {
  const tenants = text === '' ? [] : text.split(',').map((part) => part.trim())
  if (tenants.length <= METRIC_TENANTS_MAX && tenants.every((tenant) => idFault(tenant) === undefined)) return [...new Set(tenants)]
  context.addIssue({ code: 'custom', message: 'is not a list of tenants' })
  return z.NEVER
})

/** What may stand after `Bearer` (RFC 6750): a key of other characters could never be presented. */
export const keyText = z.string().regex(/^[A-Za-z0-9\-._~+/]+=*$/)

/** An origin as a browser writes it: what tokens carry as `iss` is compared character by character, so there is one way to spell it. */
export const issuer = z
  .string()
  .max(512)
  .refine((text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined
    if (url === undefined || url.origin !== text) return false
    return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname.replace(/^\[|\]$/g, '')))
  })

/** Base64 in either alphabet, separated by commas; 32 bytes each, none twice. */
export const identitySecrets = z.string().transform((text, context): readonly Buffer[] => {
  const parts = text.split(',').map((part) => part.trim())
  const secrets = parts.map((part) => (/^[A-Za-z0-9+/_-]{43}=?$/.test(part) ? Buffer.from(part, 'base64') : Buffer.alloc(0)))
  const distinct = new Set(secrets.map((secret) => secret.toString('hex'))).size
  if (
    secrets.length <= IDENTITY_SECRETS_MAX &&
    distinct === secrets.length &&
    secrets.every((secret) => secret.length === IDENTITY_SECRET_BYTES)
  )
    return secrets
  context.addIssue({ code: 'custom', message: 'is not a list of secrets' })
  return z.NEVER
})

export const auditKey = z.string().transform((text, context) => {
  const key = parseAuditKey(text)
  if (key !== undefined) return key
  context.addIssue({ code: 'custom', message: 'is not a key' })
  return z.NEVER
})

/** Host and credentials only: what else may stand in an address would change how mail is sent, unseen. */
export const smtpUrl = z.string().refine((text) => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || (url.protocol !== 'smtp:' && url.protocol !== 'smtps:')) return false
  return url.hostname !== '' && (url.pathname === '' || url.pathname === '/') && url.search === '' && url.hash === ''
})

export interface MailSender {
  readonly name: string | undefined
  readonly address: string
}

/** `address` or `Name <address>`; it becomes a header, so nothing that could begin another one. */
export const mailSender = z.string().transform((text, context): MailSender => {
  const found = /^(?:([^<>"@,;:\\\p{Cc}]{1,100}?) *<)?([A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253})(>?)$/u.exec(text)
  if (found !== null && (found[1] === undefined) === (found[3] === '') && found[2] !== undefined)
    return { name: found[1]?.trim(), address: found[2] }
  context.addIssue({ code: 'custom', message: 'is not a sender' })
  return z.NEVER
})

/** Whether an address to listen on is reachable from this machine alone. */
export function isLoopback(address: string): boolean {
  return address === 'localhost' || address === '::1' || (isIP(address) === 4 && address.startsWith('127.'))
}
