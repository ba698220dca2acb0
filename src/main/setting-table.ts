/** Every setting of Castellan: its name, meaning and default. The page docs/settings.md is written from it. Reads nothing. Floor 6. */
import type { SettingsOf } from '../ground/settings.ts'
import { auditSettings } from './audit-settings.ts'
import { clientSettings } from './client-settings.ts'
import { decisionLogSettings } from './decision-log-settings.ts'
import { identitySettings } from './identity-settings.ts'
import { serviceSettings } from './service-settings.ts'

export const settingTable = {
  ...serviceSettings,
  ...auditSettings,
  ...decisionLogSettings,
  ...identitySettings,
  ...clientSettings,
} as const

export type Settings = SettingsOf<typeof settingTable>
export type Environment = Readonly<Record<string, string | undefined>>
