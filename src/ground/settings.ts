/** Settings from environment variables, each described once and all faults told together. Knows no setting of the product (main/settings.ts does). Floor 0. */
import { readFileSync } from 'node:fs'
import type { z } from 'zod'
import { AppError } from './errors.ts'
import { findNearest } from './nearest.ts'

/** One environment variable. A secret is also read from the file that `<name>_FILE` names, and never printed. */
export interface Setting<T> {
  readonly name: string
  readonly meaning: string
  /** What may stand there, for a person. */
  readonly accepts: string
  /** From the variable's text to the value. */
  readonly schema: z.ZodType<T, string>
  /** Text that stands in when the variable is absent or empty. */
  readonly fallback: string | undefined
  /** How the table of settings words an absent variable, where `fallback` alone does not say it. */
  readonly fallbackMeaning: string | undefined
  readonly secret: boolean
}
interface Description<T> {
  readonly name: string
  readonly meaning: string
  readonly accepts: string
  readonly schema: z.ZodType<T, string>
  readonly fallbackMeaning?: string
  readonly secret?: boolean
}

/** A setting that is `undefined` when absent. */
export function optionalSetting<T>(description: Description<T>): Setting<T | undefined> {
  return { fallbackMeaning: undefined, secret: false, ...description, fallback: undefined }
}

/** A setting that always has a value. */
export function defaultedSetting<T>(description: Description<T> & { readonly fallback: string }): Setting<T> {
  return { fallbackMeaning: undefined, secret: false, ...description }
}

export type SettingTable = Readonly<Record<string, Setting<unknown>>>
export type SettingsOf<Table extends SettingTable> = { readonly [Key in keyof Table]: Table[Key] extends Setting<infer T> ? T : never }

export interface SettingFault {
  readonly name: string
  readonly message: string
}

/** The environment was refused as a whole. */
export class SettingsError extends AppError<'settings_invalid'> {
  readonly faults: readonly SettingFault[]
  constructor(faults: readonly SettingFault[]) {
    const lines = faults.map((fault) => `  ${fault.name}: ${fault.message}`)
    super('settings_invalid', `Settings refused, faults: ${faults.length}\n${lines.join('\n')}`, 'The settings were refused.')
    this.faults = faults
  }
}

/** Looks at values together; a value that could not be read is absent here, and its own fault is told already. */
export type SettingRule<Table extends SettingTable> = (values: Partial<SettingsOf<Table>>) => readonly SettingFault[]

export interface ReadOptions<Table extends SettingTable> {
  /** Names beginning so are ours: an unknown one is a fault, for a typo must not silently mean the default. */
  readonly prefix: string
  readonly required?: readonly (keyof Table & string)[]
  readonly rules?: readonly SettingRule<Table>[]
}

/** Largest file of a secret, in bytes: a key or an address is a line; anything larger is the wrong file. */
const SECRET_FILE_BYTES_MAX = 65_536

/**
 * Reads every setting of `table`. An empty variable counts as absent (compose files write `${NAME:-}`).
 * @throws SettingsError with every fault, sorted by name
 */
export function readSettings<Table extends SettingTable>(
  table: Table,
  environment: Readonly<Record<string, string | undefined>>,
  options: ReadOptions<Table>,
): SettingsOf<Table> {
  const faults: SettingFault[] = unknownNames(table, environment, options.prefix)
  const values: Record<string, unknown> = {}
  for (const [key, setting] of Object.entries(table)) {
    const text = readText(setting, environment)
    if (text.fault !== undefined) {
      faults.push({ name: setting.name, message: text.fault })
      continue
    }
    const given = text.value ?? setting.fallback
    if (given === undefined) {
      values[key] = undefined
      if (options.required?.includes(key)) faults.push({ name: setting.name, message: `is required: ${setting.accepts}` })
      continue
    }
    const parsed = setting.schema.safeParse(given)
    if (parsed.success) values[key] = parsed.data
    else faults.push({ name: setting.name, message: refusal(setting, given) })
  }
  for (const rule of options.rules ?? []) faults.push(...rule(values as Partial<SettingsOf<Table>>))
  if (faults.length > 0) throw new SettingsError(faults.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)))
  return values as SettingsOf<Table>
}

/** Name to printable value, for the log: secrets as `[secret]`, absent ones left out. */
export function printableSettings<Table extends SettingTable>(table: Table, settings: SettingsOf<Table>): Record<string, unknown> {
  const printable: Record<string, unknown> = {}
  for (const [key, setting] of Object.entries(table)) {
    const value = settings[key as keyof Table]
    if (value !== undefined) printable[setting.name] = setting.secret ? '[secret]' : value
  }
  return printable
}

function refusal(setting: Setting<unknown>, given: string): string {
  // A secret that is refused is still a secret.
  return setting.secret ? `must be ${setting.accepts}` : `must be ${setting.accepts}, is ${JSON.stringify(given)}`
}

function readText(
  setting: Setting<unknown>,
  environment: Readonly<Record<string, string | undefined>>,
): { readonly value?: string; readonly fault?: string } {
  const direct = environment[setting.name]
  const given = direct === undefined || direct === '' ? {} : { value: direct }
  const path = setting.secret ? environment[`${setting.name}_FILE`] : undefined
  if (path === undefined || path === '') return given
  if (given.value !== undefined) return { fault: `is set twice: also by ${setting.name}_FILE` }
  try {
    const bytes = readFileSync(path)
    if (bytes.length > SECRET_FILE_BYTES_MAX)
      return { fault: `${setting.name}_FILE names a file of more than ${SECRET_FILE_BYTES_MAX} bytes` }
    const value = bytes.toString('utf8').replace(/\r?\n$/, '')
    return value === '' ? { fault: `${setting.name}_FILE names an empty file` } : { value }
  } catch (fault) {
    const code = typeof fault === 'object' && fault !== null && 'code' in fault ? String(fault.code) : 'unreadable'
    return { fault: `${setting.name}_FILE names a file that cannot be read (${code}): ${path}` }
  }
}

function unknownNames(table: SettingTable, environment: Readonly<Record<string, string | undefined>>, prefix: string): SettingFault[] {
  const known = settingNames(table)
  return Object.keys(environment)
    .filter((name) => name.startsWith(prefix) && !known.includes(name))
    .map((name) => {
      const nearest = findNearest(name, known)
      return { name, message: `is not a setting${nearest === undefined ? '' : `; did you mean ${nearest}?`}` }
    })
}

/** Every variable name that is understood, with the `_FILE` forms of secrets. */
export function settingNames(table: SettingTable): readonly string[] {
  return Object.values(table).flatMap((setting) => (setting.secret ? [setting.name, `${setting.name}_FILE`] : [setting.name]))
}
