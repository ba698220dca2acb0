/** Whose decisions are counted apart, as the setting says it. */
import { expect, it } from '@jest/globals'
import { planFrom } from '../../src/main/service-plan.ts'
import { readDevSettings } from '../../src/main/settings.ts'
import { METRIC_TENANTS_MAX } from '../../src/model/observation-limits.ts'

const tenantsOf = (text: string) => planFrom(readDevSettings({ CASTELLAN_METRICS_TENANTS: text })).metricsTenants

it('tenants that metrics name are those of the setting, each once, and none without it', () => {
  expect(tenantsOf('')).toEqual([])
  expect(tenantsOf('acme')).toEqual(['acme'])
  expect(tenantsOf('acme, north-clinic,acme')).toEqual(['acme', 'north-clinic'])
})

it('a list that is none, or names too many, is refused by its name', () => {
  const many = Array.from({ length: METRIC_TENANTS_MAX + 1 }, (_, index) => `t${index}`).join(',')
  for (const text of [',', 'acme,,north', 'a\u0007b', `${'x'.repeat(257)}`, many])
    expect(() => tenantsOf(text)).toThrow(
      expect.objectContaining({ code: 'settings_invalid', message: expect.stringContaining('CASTELLAN_METRICS_TENANTS') }),
    )
})
