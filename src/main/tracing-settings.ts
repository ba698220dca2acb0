/** Whether and where to trace, from the variables that OpenTelemetry names (they are not settings of ours). Opens nothing. Floor 6. */
import { type SettingFault, SettingsError } from '../ground/settings.ts'
import type { TracingPlan } from '../ground/tracing.ts'
import type { Environment } from './setting-table.ts'

const DEFAULT_ENDPOINT = 'http://localhost:4318'
const SAMPLERS = ['always_on', 'always_off', 'traceidratio'] as const

/**
 * Absent: nobody asked for traces.
 * @throws SettingsError for what could not be meant: silently no traces would be found out when they are needed
 * @see https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
 */
export function tracingPlanFrom(environment: Environment): TracingPlan | undefined {
  const text = (name: string) => environment[name]?.trim() ?? ''
  const exporter = text('OTEL_TRACES_EXPORTER').toLowerCase()
  const [traces, all] = [text('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'), text('OTEL_EXPORTER_OTLP_ENDPOINT')]
  if (text('OTEL_SDK_DISABLED').toLowerCase() === 'true' || exporter === 'none') return undefined
  if (exporter === '' && traces === '' && all === '') return undefined

  const faults: SettingFault[] = []
  if (exporter !== '' && exporter !== 'otlp')
    faults.push({ name: 'OTEL_TRACES_EXPORTER', message: `must be \`otlp\` or \`none\`, is ${JSON.stringify(exporter)}` })
  for (const name of ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL'])
    if (text(name) === 'grpc')
      faults.push({ name, message: 'is `grpc`, and traces go over HTTP: set `http/json`, with the port of HTTP (4318 as a rule)' })
  const url = traces === '' ? `${(all === '' ? DEFAULT_ENDPOINT : all).replace(/\/+$/, '')}/v1/traces` : traces
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    faults.push({
      name: traces === '' ? 'OTEL_EXPORTER_OTLP_ENDPOINT' : 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
      message: 'must be an address that begins with http:// or https://',
    })
  const sampler = samplerFrom(text('OTEL_TRACES_SAMPLER'), text('OTEL_TRACES_SAMPLER_ARG'), faults)
  const resource = { ...resourceFrom(text('OTEL_RESOURCE_ATTRIBUTES'), faults) }
  const name = text('OTEL_SERVICE_NAME') || resource['service.name'] || 'castellan'
  if (faults.length > 0) throw new SettingsError(faults)
  return { url, sampler, resource: { ...resource, 'service.name': name } }
}

function samplerFrom(name: string, argument: string, faults: SettingFault[]): TracingPlan['sampler'] {
  const parentBased = name === '' || name.startsWith('parentbased_')
  const rest = name === '' ? 'always_on' : name.replace(/^parentbased_/, '')
  const kind = SAMPLERS.find((known) => known === rest)
  if (kind === undefined)
    faults.push({
      name: 'OTEL_TRACES_SAMPLER',
      message: `must be one of ${SAMPLERS.map((known) => `\`${known}\`, \`parentbased_${known}\``).join(', ')}, is ${JSON.stringify(name)}`,
    })
  const ratio = argument === '' ? 1 : Number(argument)
  if (kind === 'traceidratio' && !(ratio >= 0 && ratio <= 1))
    faults.push({ name: 'OTEL_TRACES_SAMPLER_ARG', message: `must be a share from 0 to 1, is ${JSON.stringify(argument)}` })
  return { kind: kind ?? 'always_on', ratio, parentBased }
}

function resourceFrom(text: string, faults: SettingFault[]): Readonly<Record<string, string>> {
  const pairs: [string, string][] = []
  for (const part of text.split(',').filter((piece) => piece.trim() !== '')) {
    const [, key, value] = /^\s*([^=\s]+)\s*=\s*(.*?)\s*$/.exec(part) ?? []
    if (key === undefined || value === undefined) {
      faults.push({
        name: 'OTEL_RESOURCE_ATTRIBUTES',
        message: `must be \`key=value\`, separated by commas; one part is ${JSON.stringify(part)}`,
      })
      continue
    }
    pairs.push([key, decoded(value)])
  }
  return Object.fromEntries(pairs)
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    return value
  }
}
