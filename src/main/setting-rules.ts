/** Which settings go together, and what development mode refuses. Reads nothing. Floor 6. */
import type { SettingFault } from '../ground/settings.ts'
import { isLoopback } from './setting-forms.ts'
import { type Environment, type Settings, settingTable } from './setting-table.ts'

export function tlsRule(values: Partial<Settings>): readonly SettingFault[] {
  const { tlsCertFile, tlsKeyFile, tlsClientCaFile } = values
  const faults: SettingFault[] = []
  if (tlsCertFile !== undefined && tlsKeyFile === undefined)
    faults.push({ name: settingTable.tlsKeyFile.name, message: `is required beside ${settingTable.tlsCertFile.name}` })
  if (tlsKeyFile !== undefined && tlsCertFile === undefined)
    faults.push({ name: settingTable.tlsCertFile.name, message: `is required beside ${settingTable.tlsKeyFile.name}` })
  if (tlsClientCaFile !== undefined && tlsCertFile === undefined && tlsKeyFile === undefined)
    faults.push({ name: settingTable.tlsClientCaFile.name, message: 'asks for client certificates, and TLS itself is off' })
  return faults
}

export function redisRule({ redisUrl, redisTlsCaFile }: Partial<Settings>): readonly SettingFault[] {
  if (redisTlsCaFile === undefined || redisUrl?.tls === true) return []
  return [{ name: settingTable.redisTlsCaFile.name, message: `is for TLS, which ${settingTable.redisUrl.name} asks for by \`rediss\`` }]
}

/** A token is judged by both: with one alone, none could be taken, and nobody would see why. */
export function tokenRule({ issuer, tokenAudience }: Partial<Settings>): readonly SettingFault[] {
  if ((issuer === undefined) === (tokenAudience === undefined)) return []
  const [missing, given] =
    issuer === undefined ? [settingTable.issuer, settingTable.tokenAudience] : [settingTable.tokenAudience, settingTable.issuer]
  return [{ name: missing.name, message: `is required beside ${given.name}` }]
}

/** What `castellan dev` makes or keeps itself, and would otherwise pass over in silence. */
const NOT_IN_DEVELOPMENT = {
  databaseUrl: '`castellan dev` keeps its own database and would not use this one; run `castellan serve`, or unset it',
  workers: '`castellan dev` is one process; run `castellan serve`, or unset it',
  redisUrl: '`castellan dev` is one process that shares nothing, and would not use it; run `castellan serve`, or unset it',
  issuer: '`castellan dev` issues for the address that it binds; run `castellan identity`, or unset it',
  tokenAudience: '`castellan dev` issues for `castellan`; run `castellan identity`, or unset it',
  identitySecret: '`castellan dev` keeps its own; run `castellan identity`, or unset it',
  smtpUrl: '`castellan dev` sends no mail and shows it at /dev/mailbox; run `castellan identity`, or unset it',
  mailFrom: '`castellan dev` sends no mail and shows it at /dev/mailbox; run `castellan identity`, or unset it',
} as const

/** Development mode prints a key of every scope and runs on a database without a server: never where others can reach it. */
export function devRule(values: Partial<Settings>, environment: Environment): readonly SettingFault[] {
  const faults: SettingFault[] = []
  if (environment['NODE_ENV'] === 'production')
    faults.push({ name: 'NODE_ENV', message: 'is production, and `castellan dev` is for development only; run `castellan serve`' })
  for (const [key, message] of Object.entries(NOT_IN_DEVELOPMENT) as [keyof typeof NOT_IN_DEVELOPMENT, string][])
    if (values[key] !== undefined) faults.push({ name: settingTable[key].name, message })
  for (const key of ['httpHost', 'grpcHost', 'identityHost', 'metricsHost'] as const) {
    const address = values[key]
    if (address !== undefined && !isLoopback(address))
      faults.push({
        name: settingTable[key].name,
        message: `\`castellan dev\` binds loopback only, not ${address}; run \`castellan serve\``,
      })
  }
  return faults
}
