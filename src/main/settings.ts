/** Reads the settings of each command, once a process. What they are is in setting-table.ts, what goes together in setting-rules.ts. Floor 6. */
import { readSettings } from '../ground/settings.ts'
import { devRule, redisRule, tlsRule, tokenRule } from './setting-rules.ts'
import { type Environment, type Settings, settingTable } from './setting-table.ts'

const PREFIX = 'CASTELLAN_'

/** For `castellan dev`. @throws SettingsError */
export function readDevSettings(environment: Environment): Settings {
  return readSettings(settingTable, environment, {
    prefix: PREFIX,
    rules: [tlsRule, redisRule, (values) => devRule(values, environment)],
  })
}

/** For `castellan serve`. @throws SettingsError */
export function readServeSettings(environment: Environment): Settings {
  return readSettings(settingTable, environment, { prefix: PREFIX, rules: [tlsRule, redisRule, tokenRule], required: ['databaseUrl'] })
}

const IDENTITY_REQUIRES = ['databaseUrl', 'issuer', 'tokenAudience', 'identitySecret', 'smtpUrl', 'mailFrom'] as const

export type IdentitySettings = Settings & { readonly [Key in (typeof IDENTITY_REQUIRES)[number]]: NonNullable<Settings[Key]> }

/** For `castellan identity`. @throws SettingsError */
export function readIdentitySettings(environment: Environment): IdentitySettings {
  const rules = [tlsRule, redisRule]
  // What is required and absent was refused.
  return readSettings(settingTable, environment, { prefix: PREFIX, rules, required: IDENTITY_REQUIRES }) as IdentitySettings
}

/** For `castellan migrate`. @throws SettingsError */
export function readMigrateSettings(environment: Environment): Settings {
  return readSettings(settingTable, environment, { prefix: PREFIX, required: ['databaseUrl'] })
}

/** For commands that talk to a service. @throws SettingsError */
export function readClientSettings(environment: Environment): Settings {
  return readSettings(settingTable, environment, { prefix: PREFIX })
}
