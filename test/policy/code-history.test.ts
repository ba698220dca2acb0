/** What was once in force keeps its meaning: names and codes never get a second one, and none is dropped without a tombstone. */
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { historyFaults, type NameAndCode } from '../../src/policy/code-history.ts'
import { formatFault } from '../../src/policy/faults.ts'
import { parsePolicy } from '../../src/policy/parse-policy.ts'
import { randomBundle } from './random-bundles.ts'

const today = '2026-11-22'

/** Faults of a catalogue with one permission a line, from line 5, against a history. */
function faultsOf(permissions: readonly string[], reserved: readonly string[], history: readonly NameAndCode[]): readonly string[] {
  const text = [
    'apiVersion: castellan/v1',
    'kind: PermissionCatalogue',
    'metadata: { service: pay, owner: o@example.org }',
    'permissions:',
    ...permissions.map((line) => `  ${line}`),
    ...(reserved.length === 0 ? [] : ['reserved:', ...reserved.map((line) => `  ${line}`)]),
  ].join('\n')
  const { bundle, faults, names } = parsePolicy([{ name: 'pay.yaml', text }])
  if (bundle === undefined) throw new Error(faults.map(formatFault).join('\n'))
  return historyFaults(bundle, history, today, names).map(formatFault)
}

const READ = 'pay.read: { code: p.r, title: Read }'

describe('a candidate against the history', () => {
  it('may add, and may keep what it had', () => {
    expect(faultsOf([READ, 'pay.new: { code: p.n, title: New }'], [], [{ name: 'pay.read', code: 'p.r' }])).toEqual([])
  })

  it('that drops a permission is told the line to add, and passes with it', () => {
    const history = [
      { name: 'pay.read', code: 'p.r' },
      { name: 'pay.print', code: 'p.p' },
    ]
    const faults = faultsOf([READ], [], history)
    expect(faults).toEqual([
      '.:1:1 error not-reserved permission "pay.print" with code "p.p" was in force and is gone — add under "reserved" of a catalogue:   - { name: pay.print, code: p.p, removed: 2026-11-22 }',
    ])
    const line = faults[0]?.slice(faults[0].indexOf('- {')) ?? ''
    expect(faultsOf([READ], [line], history)).toEqual([])
  })

  it('cannot give a code to another permission', () => {
    expect(faultsOf(['pay.see: { code: p.r, title: See }'], [], [{ name: 'pay.read', code: 'p.r' }])).toEqual([
      'pay.yaml:5:20 error code-reused code "p.r" of "pay.see" was in force as that of "pay.read" — give the new permission a code of its own: castellan policy codes suggest',
    ])
  })

  it('cannot give a permission another code', () => {
    expect(faultsOf(['pay.read: { code: p.re, title: Read }'], [], [{ name: 'pay.read', code: 'p.r' }])).toEqual([
      'pay.yaml:5:21 error name-reused permission "pay.read" was in force with code "p.r", not "p.re" — give it back its code, or give the new permission another name',
    ])
  })

  it('cannot swap two codes', () => {
    const history = [
      { name: 'pay.a', code: 'p.a' },
      { name: 'pay.b', code: 'p.b' },
    ]
    const faults = faultsOf(['pay.a: { code: p.b, title: A }', 'pay.b: { code: p.a, title: B }'], [], history)
    expect(faults.map((fault) => fault.split(' ').slice(0, 3).join(' '))).toEqual([
      'pay.yaml:5:18 error code-reused',
      'pay.yaml:5:18 error name-reused',
      'pay.yaml:6:18 error code-reused',
      'pay.yaml:6:18 error name-reused',
    ])
  })

  it('must reserve both halves of what is gone as they were', () => {
    expect(faultsOf([READ], ['- { name: pay.print, code: p.x, removed: 2026-01-01 }'], [{ name: 'pay.print', code: 'p.p' }])).toEqual([
      'pay.yaml:7:13 error not-reserved permission "pay.print" was in force with code "p.p" and is reserved as "pay.print" with code "p.x" — write under "reserved":   - { name: pay.print, code: p.p, removed: 2026-01-01 }',
    ])
  })

  it('is never refused for a history that contradicts itself, as one from before the rule may', () => {
    const history = [
      { name: 'pay.read', code: 'p.old' },
      { name: 'pay.read', code: 'p.r' },
      { name: 'pay.print', code: 'p.p' },
      { name: 'pay.fax', code: 'p.p' },
    ]
    expect(faultsOf([READ], ['- { name: pay.fax, code: p.p, removed: 2026-01-01 }'], history)).toEqual([])
    expect(
      faultsOf([READ, 'pay.late: { code: p.old, title: Late }'], ['- { name: pay.fax, code: p.p, removed: 2026-01-01 }'], history),
    ).toHaveLength(1)
  })

  it('passes after any sequence of bundles exactly when no name or code has two meanings and nothing is forgotten', () => {
    fc.assert(
      fc.property(fc.array(randomBundle, { maxLength: 3 }), randomBundle, (earlier, candidate) => {
        const history = earlier.flatMap((bundle) => bundle.permissions.map(({ name, code }) => ({ name, code })))
        // One history without a contradiction, as the rule keeps it.
        const kept = history.filter(
          (pair, index) => !history.slice(0, index).some((other) => (other.name === pair.name) !== (other.code === pair.code)),
        )
        const contradicts = kept.some((pair) => kept.some((other) => (other.name === pair.name) !== (other.code === pair.code)))
        fc.pre(!contradicts)
        const sound = kept.every(({ name, code }) =>
          [...candidate.permissions, ...candidate.reserved].some((one) => one.name === name && one.code === code),
        )
        expect(historyFaults(candidate, kept, today).length === 0).toBe(sound)
      }),
      { numRuns: 500 },
    )
  })
})
