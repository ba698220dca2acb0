/** deploy/ held against the tools that will read it, and against itself. */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from '@jest/globals'
import { parse } from 'yaml'
import { deployFolder, readDashboards, readRules } from '../support/deployed-queries.ts'
import { promtool } from '../support/prometheus.ts'

const prometheusFolder = `${deployFolder}prometheus`
const compose = parse(readFileSync(new URL('../../docker-compose.yml', import.meta.url), 'utf8')) as {
  readonly services: Readonly<
    Record<
      string,
      {
        readonly image?: string
        readonly profiles?: readonly string[]
        readonly volumes?: readonly string[]
        readonly ports?: readonly string[]
      }
    >
  >
}

describe('alert rules', () => {
  it('and the configuration of Prometheus are accepted by promtool', () => {
    for (const args of [
      ['check', 'rules', 'alerts.yml'],
      ['check', 'config', 'prometheus.yml'],
    ])
      expect(promtool(args, '', prometheusFolder)).toMatchObject({ status: 0, text: expect.stringContaining('SUCCESS') })
  })

  it('fire where they should and are silent where they should be, by tests of promtool', () => {
    const { status, text } = promtool(['test', 'rules', 'alerts.test.yml'], '', prometheusFolder)
    expect(text).toContain('SUCCESS')
    expect(status).toBe(0)
  })

  it('each have both tests, a severity, and words that say what to do', () => {
    const { tests } = parse(readFileSync(`${prometheusFolder}/alerts.test.yml`, 'utf8')) as { readonly tests: readonly { name: string }[] }
    const rules = readRules()
    expect(tests.map(({ name }) => name)).toEqual(rules.flatMap(({ alert }) => [`${alert} fires`, `${alert} is silent`]))
    for (const { labels, annotations } of rules) {
      expect(['critical', 'warning']).toContain(labels['severity'])
      expect(annotations['summary']?.length).toBeGreaterThan(15)
      expect(annotations['description']?.length).toBeGreaterThan(40)
    }
  })
})

/** The variable by which Grafana puts the data source that was chosen. */
const CHOSEN = `$${'{datasource}'}`

describe('dashboards', () => {
  const dashboards = readDashboards()

  it('have each a place, a title and a data source that is chosen, and ids of their own', () => {
    expect(dashboards.length).toBeGreaterThanOrEqual(7)
    expect(new Set(dashboards.map(({ uid }) => uid)).size).toBe(dashboards.length)
    expect(new Set(dashboards.map(({ title }) => title)).size).toBe(dashboards.length)
    for (const { uid, schemaVersion, templating, panels, annotations } of dashboards) {
      expect(uid).toMatch(/^castellan-[a-z-]{1,30}$/)
      expect(schemaVersion).toBe(39)
      expect(templating.list[0]).toMatchObject({ name: 'datasource', type: 'datasource', query: 'prometheus' })
      expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
      for (const { datasource } of [...panels, ...panels.flatMap(({ targets }) => targets), ...annotations.list])
        expect(datasource).toEqual({ type: 'prometheus', uid: CHOSEN })
    }
  })

  it('lie on the grid without covering one another', () => {
    for (const { panels } of dashboards)
      for (const { gridPos: one, id, title, type, targets } of panels) {
        expect(one.x + one.w).toBeLessThanOrEqual(24)
        expect(title.length).toBeGreaterThan(3)
        expect(['timeseries', 'stat', 'table', 'bargauge']).toContain(type)
        expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length)
        expect(targets.length).toBeGreaterThan(0)
        for (const { gridPos: other } of panels.filter((panel) => panel.id !== id))
          expect(one.x + one.w <= other.x || other.x + other.w <= one.x || one.y + one.h <= other.y || other.y + other.h <= one.y).toBe(
            true,
          )
      }
  })
})

describe('the profile "observability" of docker-compose.yml', () => {
  it('runs pinned images on loopback, and mounts what is here', () => {
    const { prometheus, grafana } = compose.services
    for (const service of [prometheus, grafana]) {
      expect(service?.profiles).toEqual(['observability'])
      expect(service?.image).toMatch(/^[a-z]+\/[a-z]+:v?\d+\.\d+\.\d+$/)
      for (const port of service?.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:/)
      for (const [from = ''] of (service?.volumes ?? []).map((volume) => volume.split(':')))
        if (from.startsWith('./deploy/')) expect(readdirSync(`${deployFolder}${from.slice('./deploy/'.length)}`).length).toBeGreaterThan(0)
    }
    const provider = parse(readFileSync(`${deployFolder}grafana/provisioning/dashboards/castellan.yml`, 'utf8')) as {
      readonly providers: readonly { readonly options: { readonly path: string } }[]
    }
    expect(grafana?.volumes).toContain(`./deploy/grafana/dashboards:${provider.providers[0]?.options.path}:ro`)
    const source = parse(readFileSync(`${deployFolder}grafana/provisioning/datasources/prometheus.yml`, 'utf8')) as {
      readonly datasources: readonly { readonly type: string; readonly url: string }[]
    }
    expect(source.datasources[0]).toMatchObject({ type: 'prometheus', url: 'http://prometheus:9090' })
  })
})
