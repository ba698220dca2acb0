/** Writes a table of settings for people, from the same descriptions that read them. Floor 0. */
import type { Setting, SettingTable } from './settings.ts'

/** A Markdown table, one row a setting, in the order of `table`. */
export function settingsMarkdown(table: SettingTable): string {
  const rows = Object.values(table).map((setting) => `| ${[nameCell(setting), meaningCell(setting), defaultCell(setting)].join(' | ')} |`)
  return ['| Setting | Meaning | Default |', '|---|---|---|', ...rows, ''].join('\n')
}

function nameCell(setting: Setting<unknown>): string {
  return setting.secret ? `\`${setting.name}\`<br>\`${setting.name}_FILE\`` : `\`${setting.name}\``
}

function meaningCell(setting: Setting<unknown>): string {
  const secret = setting.secret ? ' **Secret.**' : ''
  return `${setting.meaning}${secret} Accepts: ${setting.accepts}.`.replaceAll('|', '\\|')
}

function defaultCell(setting: Setting<unknown>): string {
  if (setting.fallbackMeaning !== undefined) return setting.fallbackMeaning
  return setting.fallback === undefined ? '—' : `\`${setting.fallback}\``
}
