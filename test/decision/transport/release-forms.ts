/** Policies as tests publish them, and answers of either wire in one form. */
import { structToJson } from '../../../src/decision/translate/struct.ts'
import type { PolicySourceFile } from '../../../src/model/policy-release.ts'

/** Names and codes of the bundle that `openWires` puts in force: a policy without one of them would be refused. */
const PERMISSIONS: Readonly<Record<string, string>> = {
  'coding.medical-stay.read': 't.0',
  'coding.medical-stay.validate': 't.1',
  'finance.read': 't.2',
}

/** A catalogue and a bundle of roles. @param more further permissions by name, with their codes */
export function policyFiles(
  roles: Readonly<Record<string, readonly string[]>>,
  more: Readonly<Record<string, string>> = {},
): readonly PolicySourceFile[] {
  const permissions = Object.entries({ ...PERMISSIONS, ...more }).map(([name, code]) => [
    `  ${name}: { code: ${code}, title: ${name} }`,
    name.split('.')[0] ?? '',
  ])
  const services = [...new Set(permissions.map(([, service]) => service))]
  return [
    ...services.map((service) => ({
      name: `catalogue/${service}.yaml`,
      text: `apiVersion: castellan/v1\nkind: PermissionCatalogue\nmetadata: { service: ${service}, owner: test@example.org }\npermissions:\n${permissions
        .filter(([, own]) => own === service)
        .map(([line]) => line)
        .join('\n')}\n`,
    })),
    {
      name: 'roles.yaml',
      text: `apiVersion: castellan/v1\nkind: RoleBundle\nmetadata: { name: test, owner: test@example.org }\nroles:\n${Object.entries(roles)
        .map(([name, granted]) => `  ${name}: { title: ${name}, permissions: [${granted.join(', ')}] }`)
        .join('\n')}\n`,
    },
  ]
}

/** What both wires mean alike: instants as HTTP writes them, JSON out of its Struct, and without what proto3 cannot tell from nothing. */
export function meaning(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(meaning)
  if (typeof value !== 'object' || value === null) return value
  const fields = value as Readonly<Record<string, unknown>>
  if ('seconds' in fields || 'nanos' in fields)
    return new Date(Number(fields['seconds'] ?? 0) * 1000 + Number(fields['nanos'] ?? 0) / 1_000_000).toISOString()
  // A diff has lists of this name.
  if ('fields' in fields && !Array.isArray(fields['fields'])) return meaning(structToJson(fields, 'test'))
  const kept = Object.entries(fields)
    .map(([name, inner]): [string, unknown] => [name, meaning(inner)])
    .filter(([name, inner]) => !name.startsWith('_') && !isNothing(inner))
  return Object.fromEntries(kept)
}

function isNothing(value: unknown): boolean {
  if (value === undefined || value === false || value === 0 || value === '') return true
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0
}
