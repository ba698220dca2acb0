/** Writes what is generated from the sources and kept in the repository: tests fail when it is stale. Needs dist/ (npm run generate). */
import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { errorsPage } from '../dist/src/main/errors-page.js'
import { settingsPage } from '../dist/src/main/settings-page.js'
import { policySchemaJson } from '../dist/src/policy/schema.js'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const outputs = {
  'policies/schema.json': policySchemaJson(),
  'docs/settings.md': settingsPage(),
  'docs/errors.md': errorsPage(),
}
for (const [name, text] of Object.entries(outputs)) {
  writeFileSync(join(root, name), text)
  console.log(`wrote ${name}`)
}
