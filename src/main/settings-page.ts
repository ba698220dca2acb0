/** The text of docs/settings.md, written from the descriptions of the settings. Floor 6. */
import { settingsMarkdown } from '../ground/settings-page.ts'
import { settingTable } from './setting-table.ts'

export function settingsPage(): string {
  return `# Settings

Environment variables, each read once when a command starts. All faults are told together, and an unknown name that begins with
\`CASTELLAN_\` is a fault. A secret can also come from a file: set its name with \`_FILE\` to the path. An empty variable counts as absent.
This page is written by \`npm run generate\`.

${settingsMarkdown(settingTable)}
\`castellan dev\` also refuses to start with \`NODE_ENV=production\`. Behind a private authority, the command line trusts what
Node is told by \`NODE_EXTRA_CA_CERTS\`. \`NO_COLOR\` switches colours off.
`
}
