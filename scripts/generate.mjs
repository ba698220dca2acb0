/** Writes what is generated from the sources and kept in the repository: tests fail when it is stale. Needs dist/ (npm run generate). */
import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { policySchemaJson } from '../dist/src/policy/schema.js'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const outputs = { 'policies/schema.json': policySchemaJson() }
for (const [name, text] of Object.entries(outputs)) {
  writeFileSync(join(root, name), text)
  console.log(`wrote ${name}`)
}
