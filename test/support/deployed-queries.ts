/** Every query that deploy/ holds: of dashboards and of alert rules, with where it stands. */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'

export const deployFolder = fileURLToPath(new URL('../../deploy/', import.meta.url))
const dashboardFolder = `${deployFolder}grafana/dashboards/`

export interface DeployedQuery {
  readonly place: string
  readonly expression: string
}

export interface Dashboard {
  readonly file: string
  readonly uid: string
  readonly title: string
  readonly schemaVersion: number
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string; readonly query: unknown }[] }
  readonly annotations: { readonly list: readonly { readonly datasource: Datasource; readonly expr: string }[] }
  readonly panels: readonly Panel[]
}
export interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly datasource: Datasource
  readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number }
  readonly targets: readonly { readonly refId: string; readonly datasource: Datasource; readonly expr: string }[]
}
interface Datasource {
  readonly type: string
  readonly uid: string
}

export function readDashboards(): readonly Dashboard[] {
  return readdirSync(dashboardFolder)
    .filter((file) => file.endsWith('.json'))
    .map((file) => ({ file, ...(JSON.parse(readFileSync(`${dashboardFolder}${file}`, 'utf8')) as Omit<Dashboard, 'file'>) }))
}

export interface Rule {
  readonly alert: string
  readonly expr: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

export function readRules(): readonly Rule[] {
  const { groups } = parse(readFileSync(`${deployFolder}prometheus/alerts.yml`, 'utf8')) as {
    readonly groups: readonly { readonly rules: readonly Rule[] }[]
  }
  return groups.flatMap(({ rules }) => rules)
}

/** @param window stands where Grafana puts its interval */
export function panelQueries(window: string): readonly DeployedQuery[] {
  return readDashboards().flatMap(({ file, panels, annotations }) => [
    ...panels.flatMap(({ title, targets }) =>
      targets.map(({ expr }) => ({ place: `${file}: ${title}`, expression: filled(expr, window) })),
    ),
    ...annotations.list.map(({ expr }) => ({ place: `${file}: annotation`, expression: filled(expr, window) })),
  ])
}

function filled(expression: string, window: string): string {
  return expression.replaceAll('$__rate_interval', window).replaceAll('$instance', '.*')
}

/** Families of ours that an expression names. */
export function familiesOf(expression: string): readonly string[] {
  return [...new Set((expression.match(/castellan_\w+/g) ?? []).map((name) => name.replace(/_(bucket|sum|count)$/, '')))]
}
