/** What is to be opened, from settings. Opens nothing. Floor 5. */
import { readFileSync } from 'node:fs'
import type { TlsFiles } from '../decision/transport/wire-needs.ts'
import { AppError } from '../ground/errors.ts'
import type { DatabaseOptions } from '../store/database.ts'
import { type Settings, settingTable } from './settings.ts'

export interface Address {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
}

export interface ServicePlan {
  readonly database: DatabaseOptions
  /** `require`: a database that is not at this build's schema is refused. */
  readonly schema: 'migrate' | 'require'
  readonly policyDirectory: string
  readonly policyPollMs: number
  readonly adminKey: string | undefined
  readonly strictSubjects: boolean
  readonly http: Address
  readonly grpc: Address
  readonly probes: Address
  readonly tls: TlsFiles | undefined
  readonly connectionAgeMs: number
  /** How long to answer on after reporting not ready. */
  readonly settleMs: number
}

/** The part of a plan that settings alone decide. @throws AppError when a file of TLS cannot be read */
export function planFrom(settings: Settings): Omit<ServicePlan, 'database' | 'schema' | 'policyDirectory' | 'adminKey' | 'settleMs'> {
  return {
    policyPollMs: settings.policyPollSeconds * 1_000,
    strictSubjects: settings.strictSubjects,
    http: { host: settings.httpHost, port: settings.httpPort },
    grpc: { host: settings.grpcHost, port: settings.grpcPort },
    probes: { host: settings.metricsHost, port: settings.metricsPort },
    tls: readTls(settings),
    connectionAgeMs: settings.connectionAgeSeconds * 1_000,
  }
}

function readTls({ tlsCertFile, tlsKeyFile, tlsClientCaFile }: Settings): TlsFiles | undefined {
  if (tlsCertFile === undefined || tlsKeyFile === undefined) return undefined
  return {
    cert: readPem(settingTable.tlsCertFile.name, tlsCertFile),
    key: readPem(settingTable.tlsKeyFile.name, tlsKeyFile),
    ...(tlsClientCaFile === undefined ? {} : { clientCa: readPem(settingTable.tlsClientCaFile.name, tlsClientCaFile) }),
  }
}

function readPem(setting: string, path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (cause) {
    const message = `${setting}: the file cannot be read: ${path}`
    throw new AppError('tls_file_unreadable', message, message, { cause })
  }
}
