/** Every message of every fault has an example with its exact text and place, and no message of the sources is without one. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { parse } from 'yaml'
import { packageRoot } from '../../src/ground/package-root.ts'
import { type CallSite, callSites, type Template } from './fault-call-sites.ts'
import { type FaultCase, faultLines, MADE } from './fault-cases.ts'

const { base, cases } = parse(await readFile(join(packageRoot(), 'test/policy/fault-cases.yaml'), 'utf8')) as {
  readonly base: string
  readonly cases: readonly FaultCase[]
}
const lines = cases.flatMap((one) => one.faults)

describe('a fault', () => {
  it.each(cases.map((one) => [one.case ?? one.made, one] as const))('has its exact text and place: %s', async (_, one) => {
    expect(await faultLines(base, one)).toEqual(one.faults)
  })

  it('is made by each function that is there for it', () => {
    expect(cases.flatMap((one) => one.made ?? []).sort()).toEqual(Object.keys(MADE).sort())
  })
})

/** Messages that no file can cause: the check is there should a promise of somebody else's be broken. */
const UNREACHABLE: readonly string[] = [
  // The YAML library promises faults, not exceptions …
  'parse.ts: the file cannot be read as YAML: …',
  // … and gives no other values than these.
  'parse.ts: is neither text, number, boolean, list nor mapping',
]

const folder = join(packageRoot(), 'src/policy')
const sources = await Promise.all(
  (await readdir(folder))
    .filter((name) => name.endsWith('.ts'))
    .map(async (name) => ({ name, text: await readFile(join(folder, name), 'utf8') })),
)
const sites = sources.flatMap(({ name, text }) => callSites(name, text))

describe('the case file', () => {
  it('knows every place of the sources that says a fault', () => {
    // Counted in another way than the one that reads their arguments.
    const counted = sources.map(
      ({ text }) => text.match(/\b(?:faults\.(?:error|warn)|throw refuse|throw unsound)\(|faults\.push\(fault\(|\[fault\(/g)?.length ?? 0,
    )
    expect(sites).toHaveLength(counted.reduce((sum, count) => sum + count, 0))
    expect(sites.length).toBeGreaterThan(120)
    expect(sites.filter((site) => site.messages.length === 0)).toEqual([])
  })

  it('has an example of every message', () => {
    const missing = sites.flatMap((site) =>
      site.messages
        .filter((message) => !lines.some((line) => shows(line, site, message)))
        .map((message) => `${site.file}: ${message.shown}`),
    )
    expect(missing.sort()).toEqual([...UNREACHABLE].sort())
  })

  it('has an example of every hint', () => {
    const missing = sites.flatMap((site) =>
      site.hints
        .filter((hint) => !lines.some((line) => site.messages.some((message) => shows(line, site, message, hint))))
        .map((hint) => `${site.file}: ${hint.shown}`),
    )
    expect(missing).toEqual([])
  })
})

function shows(line: string, { severity, code }: CallSite, message: Template, hint?: Template): boolean {
  const words = /^(.*?):(\d+):(\d+) (error|warning) ([a-z-]+) (.*)$/s.exec(line)
  if (words === null || words[4] !== severity || (code !== undefined && words[5] !== code)) return false
  const [said = '', hinted] = (words[6] ?? '').split(/ — (.*)$/s)
  return message.pattern.test(said) && (hint === undefined || (hinted !== undefined && hint.pattern.test(hinted)))
}
