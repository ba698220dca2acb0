/** What is to be opened, from settings. Opens nothing. Floor 6. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { AppError } from '../ground/errors.ts'
import type { TracingPlan } from '../ground/tracing.ts'
import type { TlsFiles } from '../wire/http/server.ts'
import type { DecisionLogPlan } from './decision-log-plan.ts'
import type { AccessPlan } from './open-access.ts'
import type { CheckpointPlan } from './open-audit-checkpoints.ts'
import type { FoundationPlan } from './open-foundation.ts'
import { type Settings, settingTable } from './setting-table.ts'

export interface Address {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
}

/** As it stands in a URL. */
export function addressOf(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** What says which policy is in force. */
export type PoliciesPlan =
  | { readonly source: 'directory'; readonly directory: string; readonly pollMs: number }
  /** `first`: folder that gives the policy when none was ever in force. */
  | { readonly source: 'published'; readonly first: string | undefined }

/** @param otherwise where nothing was set: the source, and the folder that is watched */
export function policiesFrom(
  { policySource, policies, policyPollSeconds }: Settings,
  otherwise: { readonly source: PoliciesPlan['source']; readonly directory: string },
): PoliciesPlan {
  const source = policySource ?? otherwise.source
  if (source === 'published') return { source, first: policies }
  return { source, directory: policies ?? otherwise.directory, pollMs: policyPollSeconds * 1_000 }
}

/** The decision service, on whatever it stands. */
export interface DecisionPlan {
  readonly policies: PoliciesPlan
  readonly adminKey: string | undefined
  readonly strictSubjects: boolean
  readonly http: Address
  readonly grpc: Address
  readonly probes: Address
  readonly tls: TlsFiles | undefined
  readonly connectionAgeMs: number
  /** Whose access tokens are taken, and for whom they must be; absent: none are. */
  readonly tokens?: TokenPlan | undefined
  /** Absent: nothing is recorded. */
  readonly decisionLog?: DecisionLogPlan | undefined
  /** Absent: the audit is chained, and no checkpoints are signed. */
  readonly checkpoints?: CheckpointPlan
  /** Where people administer: the last of them is not deactivated here either. */
  readonly adminTenant?: string | undefined
}

export interface TokenPlan {
  readonly issuer: string
  readonly audience: string
}

export interface ServicePlan extends FoundationPlan, DecisionPlan {
  /** Whose decisions are counted apart; absent: nobody's. */
  readonly metricsTenants?: readonly string[]
  /** Absent: nothing is traced. */
  readonly tracing?: TracingPlan | undefined
  /** How long to answer on after reporting not ready. */
  readonly settleMs: number
}

/** The part of a plan that settings alone decide. @throws AppError when a file of TLS cannot be read or used */
export function planFrom(settings: Settings): Omit<ServicePlan, 'database' | 'schema' | 'policies' | 'adminKey' | 'settleMs'> {
  return {
    strictSubjects: settings.strictSubjects,
    http: { host: settings.httpHost, port: settings.httpPort },
    grpc: { host: settings.grpcHost, port: settings.grpcPort },
    probes: { host: settings.metricsHost, port: settings.metricsPort },
    tls: readTls(settings),
    cacheBytes: settings.cacheMebibytes * 1_048_576,
    redis: readRedis(settings),
    connectionAgeMs: settings.connectionAgeSeconds * 1_000,
    tokens: readTokens(settings),
    adminTenant: settings.adminTenant,
    checkpoints: { key: settings.auditKey, intervalMs: settings.auditCheckpointMinutes * 60_000 },
    metricsTenants: settings.metricsTenants,
  }
}

/** Both or neither: a rule of the settings. */
function readTokens({ issuer, tokenAudience }: Settings): TokenPlan | undefined {
  return issuer === undefined || tokenAudience === undefined ? undefined : { issuer, audience: tokenAudience }
}

function readTls({ tlsCertFile, tlsKeyFile, tlsClientCaFile }: Settings): TlsFiles | undefined {
  if (tlsCertFile === undefined || tlsKeyFile === undefined) return undefined
  const cert = readPem(settingTable.tlsCertFile.name, tlsCertFile)
  const key = readPem(settingTable.tlsKeyFile.name, tlsKeyFile)
  const [first] = parseCertificates(settingTable.tlsCertFile.name, tlsCertFile, cert)
  if (first?.checkPrivateKey(parseKey(tlsKeyFile, key)) !== true)
    throw tlsFault(settingTable.tlsKeyFile.name, `is not the key of the first certificate in ${settingTable.tlsCertFile.name}`, tlsKeyFile)
  requireUsable(cert, key, `${tlsCertFile}, ${tlsKeyFile}`)
  if (tlsClientCaFile === undefined) return { cert, key }
  const clientCa = readPem(settingTable.tlsClientCaFile.name, tlsClientCaFile)
  parseCertificates(settingTable.tlsClientCaFile.name, tlsClientCaFile, clientCa)
  return { cert, key, clientCa }
}

function readRedis({ redisUrl, redisTlsCaFile }: Settings): AccessPlan['redis'] {
  if (redisUrl === undefined) return undefined
  if (redisTlsCaFile === undefined) return { address: redisUrl, ca: undefined }
  const ca = readPem(settingTable.redisTlsCaFile.name, redisTlsCaFile)
  parseCertificates(settingTable.redisTlsCaFile.name, redisTlsCaFile, ca)
  return { address: redisUrl, ca }
}

const CERTIFICATE = /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[\s\S]*?-----END (?:X509 |TRUSTED )?CERTIFICATE-----/g

/** Every certificate of the file, at least one: what TLS reads past silently would be missed only by a client. */
function parseCertificates(setting: string, path: string, pem: Buffer): readonly X509Certificate[] {
  const blocks = pem.toString('latin1').match(CERTIFICATE) ?? []
  if (blocks.length === 0) throw tlsFault(setting, 'has no certificate in PEM (-----BEGIN CERTIFICATE-----)', path)
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(block)
    } catch (cause) {
      throw tlsFault(setting, `certificate ${index + 1} of the file is damaged`, path, cause)
    }
  })
}

function parseKey(path: string, pem: Buffer): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch (cause) {
    const encrypted = pem.includes('ENCRYPTED')
    const why = encrypted ? 'is encrypted; give it without a passphrase' : 'has no private key in PEM (-----BEGIN PRIVATE KEY-----)'
    throw tlsFault(settingTable.tlsKeyFile.name, why, path, cause)
  }
}

/** OpenSSL refuses what is well formed, too, such as keys that are too short. */
function requireUsable(cert: Buffer, key: Buffer, paths: string): void {
  try {
    createSecureContext({ cert, key })
  } catch (cause) {
    throw tlsFault(`${settingTable.tlsCertFile.name}, ${settingTable.tlsKeyFile.name}`, 'TLS refuses them', paths, cause)
  }
}

function tlsFault(setting: string, why: string, path: string, cause?: unknown): AppError {
  const message = `${setting}: ${why}: ${path}`
  return new AppError('tls_file_invalid', message, message, cause === undefined ? {} : { cause })
}

function readPem(setting: string, path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (cause) {
    const message = `${setting}: the file cannot be read: ${path}`
    throw new AppError('tls_file_unreadable', message, message, { cause })
  }
}
