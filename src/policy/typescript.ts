/** A policy's names as TypeScript, for the code that asks: a wrong name does not compile. Pure; writes no file. Floor 2. */
import type { PermissionEntry, PolicyBundle } from '../model/policy.ts'
import { canonicalBundle, canonicalJson, revisionOf } from './canonical.ts'
import { deprecationInWords } from './words.ts'

/** The same bundle gives the same text, byte for byte. */
export function typescriptOf(bundle: PolicyBundle): string {
  const { permissions, roles } = canonicalBundle(bundle)
  const roleNames = roles.map((role) => role.name)
  return `/**
 * Names of permissions and roles. Generated, do not edit: castellan codegen.
 * From policy revision ${revisionOf(canonicalJson(bundle))}
 */

/** Every permission, by its full name. */
export type Permission =${permissions.length === 0 ? ' never' : ''}
${permissions.map((permission) => `${comment(permission)}  | '${permission.name}'\n`).join('')}
export const PERMISSIONS = [
${permissions.map(({ name }) => `  '${name}',\n`).join('')}] as const satisfies readonly Permission[]

export type Role =${roleNames.length === 0 ? ' never' : ''}
${roleNames.map((name) => `  | '${name}'\n`).join('')}
export const ROLES = [
${roleNames.map((name) => `  '${name}',\n`).join('')}] as const satisfies readonly Role[]

/** The short name of each permission, as it travels in tokens. */
export const PERMISSION_CODES = {
${permissions.map((permission) => `${permission.deprecated === undefined ? '' : comment(permission)}  '${permission.name}': '${permission.code}',\n`).join('')}} as const satisfies Readonly<Record<Permission, string>>
`
}

/** Names are safe by their grammar; a title is any text, and must not end the comment. */
function comment({ title, deprecated }: PermissionEntry): string {
  const words = commentText(title)
  return deprecated === undefined
    ? `  /** ${words} */\n`
    : `  /**\n   * ${words}\n   * @deprecated ${commentText(deprecationInWords(deprecated))}\n   */\n`
}

/** Editors take `@deprecated` for a tag and `{@link` for a link, wherever they stand; other signs turn or hide what follows. */
function commentText(text: string): string {
  return text
    .replaceAll('*/', '*\\/')
    .replaceAll('@', '\\@')
    .replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ')
    .trim()
}
