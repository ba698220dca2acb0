/** Which sinks a decision log has, and what each of them needs, from settings and the variables that OpenTelemetry names. Opens nothing. Floor 6. */
import { type Mask, parseMask } from '../decision/log/mask.ts'
import type { SinkName } from '../decision/log/sink.ts'
import { type SettingFault, SettingsError } from '../ground/settings.ts'
import { type Environment, type Settings, settingTable } from './setting-table.ts'

export type SinkPlan =
  | { readonly kind: 'stdout' }
  | { readonly kind: 'file'; readonly path: string; readonly bytesMax: number; readonly filesMax: number }
  | { readonly kind: 'postgres'; readonly days: number }
  | { readonly kind: 'redis'; readonly stream: string; readonly lengthMax: number }
  /** Headers may hold credentials. */
  | { readonly kind: 'otlp' | 'opa'; readonly url: string; readonly headers: Readonly<Record<string, string>> }

export interface DecisionLogPlan {
  readonly sample: number
  readonly mask: Mask | undefined
  readonly sinks: readonly SinkPlan[]
}

/** What no other sink would use. */
const OF_ONE_SINK = {
  file: ['decisionLogFile', 'decisionLogFileMebibytes', 'decisionLogFiles'],
  postgres: ['decisionLogDays'],
  redis: ['decisionLogRedisStream', 'decisionLogRedisMaxlen'],
  opa: ['decisionLogOpaUrl', 'decisionLogOpaToken'],
} as const

/**
 * @param otherwise where nothing was set
 * @throws SettingsError when a sink lacks what it needs, or is given what it would not use: a log that is silently not kept is missed too late
 */
export function decisionLogPlanFrom(settings: Settings, environment: Environment, otherwise: SinkName): DecisionLogPlan {
  const faults: SettingFault[] = []
  const names = settings.decisionLog ?? [otherwise]
  const sinks = names.flatMap((name) => sinkFrom(name, settings, environment, faults) ?? [])
  // What has a default was set only where its variable was.
  const isSet = (key: keyof typeof settingTable) =>
    [settingTable[key].name, `${settingTable[key].name}_FILE`].some((name) => environment[name])
  for (const [sink, keys] of Object.entries(OF_ONE_SINK))
    for (const key of names.includes(sink as SinkName) ? [] : keys.filter(isSet))
      faults.push({
        name: settingTable[key].name,
        message: `is for the sink \`${sink}\`, which ${settingTable.decisionLog.name} does not name`,
      })
  if (names.length === 0 && isSet('decisionLogSample'))
    faults.push({ name: settingTable.decisionLogSample.name, message: `is for sinks, and ${settingTable.decisionLog.name} names none` })
  const mask = settings.decisionLogMask === undefined ? undefined : parseMask(settings.decisionLogMask)
  if (typeof mask === 'string') faults.push({ name: settingTable.decisionLogMask.name, message: mask })
  if (faults.length > 0 || typeof mask === 'string') throw new SettingsError(faults)
  return { sample: settings.decisionLogSample, mask, sinks }
}

function sinkFrom(name: SinkName, settings: Settings, environment: Environment, faults: SettingFault[]): SinkPlan | undefined {
  const lacks = (key: keyof typeof settingTable) => {
    faults.push({ name: settingTable[key].name, message: `is required by the sink \`${name}\` of ${settingTable.decisionLog.name}` })
    return undefined
  }
  switch (name) {
    case 'stdout':
      return { kind: name }
    case 'file': {
      const { decisionLogFile: path, decisionLogFileMebibytes, decisionLogFiles: filesMax } = settings
      return path === undefined ? lacks('decisionLogFile') : { kind: name, path, bytesMax: decisionLogFileMebibytes * 1_048_576, filesMax }
    }
    case 'postgres':
      return { kind: name, days: settings.decisionLogDays }
    case 'redis':
      if (settings.redisUrl === undefined) return lacks('redisUrl')
      return { kind: name, stream: settings.decisionLogRedisStream, lengthMax: settings.decisionLogRedisMaxlen }
    case 'otlp':
      return otlpFrom(environment, faults)
    case 'opa': {
      const { decisionLogOpaUrl: url, decisionLogOpaToken: token } = settings
      const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` }
      return url === undefined ? lacks('decisionLogOpaUrl') : { kind: name, url, headers }
    }
  }
}

/** @see https://opentelemetry.io/docs/specs/otel/protocol/exporter/ */
function otlpFrom(environment: Environment, faults: SettingFault[]): SinkPlan | undefined {
  const text = (name: string) => environment[name]?.trim() ?? ''
  const [own, all] = [text('OTEL_EXPORTER_OTLP_LOGS_ENDPOINT'), text('OTEL_EXPORTER_OTLP_ENDPOINT')]
  const name = own === '' && all !== '' ? 'OTEL_EXPORTER_OTLP_ENDPOINT' : 'OTEL_EXPORTER_OTLP_LOGS_ENDPOINT'
  const url = own === '' && all !== '' ? `${all.replace(/\/+$/, '')}/v1/logs` : own
  if (url === '') {
    faults.push({ name, message: `or OTEL_EXPORTER_OTLP_ENDPOINT is required by the sink \`otlp\` of ${settingTable.decisionLog.name}` })
    return undefined
  }
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol) || parsed.username !== '' || parsed.password !== '')
    faults.push({ name, message: 'must be an address that begins with http:// or https://, without user and password' })
  for (const protocol of ['OTEL_EXPORTER_OTLP_LOGS_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL'])
    if (text(protocol) === 'grpc')
      faults.push({ name: protocol, message: 'is `grpc`, and logs go over HTTP: set `http/json`, with the port of HTTP (4318 as a rule)' })
  const named = ['OTEL_EXPORTER_OTLP_HEADERS', 'OTEL_EXPORTER_OTLP_LOGS_HEADERS'].map((variable) =>
    headersFrom(variable, text(variable), faults),
  )
  return { kind: 'otlp', url, headers: Object.assign({}, ...named) }
}

/** `name=value` separated by commas, values percent-encoded. What is refused is not repeated: it may be a credential. */
function headersFrom(name: string, text: string, faults: SettingFault[]): Readonly<Record<string, string>> {
  const headers = new Headers()
  for (const part of text.split(',').filter((piece) => piece.trim() !== '')) {
    const [, key, value] = /^\s*([^=\s]+)\s*=\s*(.*?)\s*$/.exec(part) ?? []
    try {
      if (key === undefined || value === undefined) throw new TypeError('no pair')
      headers.set(key, decodeURIComponent(value))
    } catch {
      faults.push({ name, message: 'must be `name=value`, separated by commas, with percent-encoded values' })
      return {}
    }
  }
  return Object.fromEntries(headers)
}
