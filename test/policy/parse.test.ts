/** Whatever a file holds, reading it gives faults with places and never an exception, a hang or an exhausted process. */
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { POLICY_FILE_BYTES_MAX } from '../../src/model/policy-limits.ts'
import { formatFault } from '../../src/policy/faults.ts'
import { parseSource } from '../../src/policy/parse.ts'
import { parsePolicy } from '../../src/policy/parse-policy.ts'
import { toPlain } from '../../src/policy/source.ts'

const plain = (text: string) => parseSource('f.yaml', text).documents.map(toPlain)
const faults = (text: string) => parseSource('f.yaml', text).faults.map(formatFault)
const first = (text: string) => faults(text)[0] ?? 'no fault'

describe('reading YAML', () => {
  it('gives each key and value its line and column, in every document', () => {
    const { documents } = parseSource('f.yaml', 'a: 1\n---\nb:\n  - x\n  -  y: 2\n')
    const second = documents[1]
    if (second?.kind !== 'map') throw new Error('no mapping')
    const entry = second.entries[0]
    expect(entry).toMatchObject({ key: 'b', keyAt: { file: 'f.yaml', line: 3, col: 1 } })
    if (entry?.value.kind !== 'list') throw new Error('no list')
    expect(entry.value.items.map((item) => item.at)).toEqual([
      { file: 'f.yaml', line: 4, col: 5 },
      { file: 'f.yaml', line: 5, col: 6 },
    ])
  })

  it('keeps places right behind a byte order mark and Windows line ends', () => {
    expect(faults('\ufeffa: 1\r\nb: 2\r\na: 3\r\n')).toEqual(['f.yaml:3:1 error duplicate-key "a" stands here a second time'])
  })

  it('knows YAML 1.2 only: yes is text, 0o17 a number, << an ordinary key, a date is text', () => {
    expect(plain('a: yes\nb: 0o17\n<<: { c: 1 }\nd: 2026-10-01\n')).toEqual([{ a: 'yes', b: 15, '<<': { c: 1 }, d: '2026-10-01' }])
    expect(first('%YAML 1.1\n---\na: yes\n')).toContain('YAML 1.1 is not read here')
  })

  it('follows aliases within bounds', () => {
    expect(plain('a: &x [1, 2]\nb: *x\n')).toEqual([{ a: [1, 2], b: [1, 2] }])
  })
})

describe('hostile text', () => {
  it('of a billion laughs is refused without being expanded', () => {
    const lines = ['a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]']
    for (let level = 1; level < 10; level++)
      lines.push(`a${level}: &a${level} [${Array.from({ length: 9 }, () => `*a${level - 1}`).join(', ')}]`)
    expect(first(lines.join('\n'))).toContain('error alias-refused')
  })

  it.each([
    ['flow lists', '['.repeat(10_000)],
    ['closed flow lists', '['.repeat(10_000) + ']'.repeat(10_000)],
    ['flow mappings', '{a: '.repeat(10_000)],
    ['lists in lists', `${'- '.repeat(10_000)}x`],
    ['complex keys', `${'? '.repeat(10_000)}x`],
    ['indented mappings', Array.from({ length: 1_000 }, (_, level) => `${' '.repeat(level)}a:`).join('\n')],
  ])('nested 10,000 deep as %s is refused', (_, text) => {
    // Our own words: the library's own answer to depth comes too late, when the stack is nearly used up.
    expect(first(text)).toContain('error too-deep nested deeper than 64 levels')
  })

  it('that hides depth behind aliases is refused', () => {
    const lines = [`a0: &a0 ${'['.repeat(50)}${']'.repeat(50)}`]
    for (let level = 1; level < 90; level++) lines.push(`a${level}: &a${level} ${'['.repeat(50)}*a${level - 1}${']'.repeat(50)}`)
    expect(first(lines.join('\n'))).toContain('error too-deep')
  })

  it('larger than the bound is refused before it is parsed', () => {
    expect(faults(`# ${'x'.repeat(POLICY_FILE_BYTES_MAX)}`)).toEqual([
      `f.yaml:1:1 error too-large the file is larger than ${POLICY_FILE_BYTES_MAX} bytes — split it`,
    ])
  })

  it.each([
    ['NUL bytes', 'a: 1\nb: \u0000', 'f.yaml:2:4 error not-text'],
    ['what was not UTF-8', 'a: \ufffd', 'f.yaml:1:4 error not-text'],
    ['half a surrogate pair', 'a: "\ud800"', 'error not-text'],
    ['tabs as indentation', 'a:\n\tb: 1', 'f.yaml:2:1 error yaml-syntax'],
    ['an anchor that contains itself', 'a: &x [*x]', 'f.yaml:1:8 error alias-refused'],
    ['an alias of nothing', 'a: *x', 'error alias-refused'],
    ['a key twice', 'a: 1\na: 2', 'f.yaml:2:1 error duplicate-key'],
    ['a __proto__ key', 'a: { __proto__: { admin: true } }', 'f.yaml:1:6 error key-refused'],
    ['a list as key', '? [a]\n: 1', 'error key-refused'],
    ['a tag of its own', 'a: !!js/function "f"', 'f.yaml:1:4 error tag-refused'],
    ['a binary tag', 'a: !!binary aGk=', 'error tag-refused'],
    ['a set', 'a: !!set { x }', 'error tag-refused'],
    ['an open quote', 'a: "x', 'error yaml-syntax'],
    ['an open bracket', 'a: [x', 'error yaml-syntax'],
  ])('with %s is refused with its place', (_, text, fault) => {
    expect(first(text)).toContain(fault)
  })

  it('reaches no prototype: keys are own properties, whatever their name', () => {
    const [value] = plain('constructor: 1\ntoString: { polluted: 1 }\nhasOwnProperty: 2\n') as [Record<string, unknown>]
    expect(Object.keys(value)).toEqual(['constructor', 'toString', 'hasOwnProperty'])
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })

  it('cannot write to a terminal through a fault: each is one line without control characters', () => {
    expect(faults('"\\e[2J\\nx": 1\n"\\e[2J\\nx": 2\n')).toEqual([
      'f.yaml:2:1 error duplicate-key "\\u001b[2J\\u000ax" stands here a second time',
    ])
  })

  it('with a hundred documents gives a hundred, and with thousands a fault', () => {
    expect(plain('---\na: 1\n'.repeat(100))).toHaveLength(100)
    expect(first('---\na: 1\n'.repeat(2_000))).toContain('error limit-exceeded')
  })

  it('with a hundred thousand keys in one mapping is read in linear time', () => {
    const keys = Array.from({ length: 100_000 }, (_, index) => `k${index}: 1`)
    expect(Object.keys(plain(keys.join('\n'))[0] as object)).toHaveLength(100_000)
  })

  it('of any kind never throws and always says where', () => {
    const pieces = fc.constantFrom(
      ...[
        'a',
        ': ',
        '- ',
        '\n',
        '  ',
        '\t',
        '{',
        '}',
        '[',
        ']',
        ',',
        '"',
        "'",
        '&x ',
        '*x',
        '!t ',
        '|',
        '>',
        '#',
        '? ',
        '---\n',
        '...\n',
        '%YAML 1.1\n',
        '\r',
      ],
      ...[
        'kind: RoleBundle\n',
        'roles:\n',
        'permissions: ',
        '{ $var: user.id }',
        'when: ',
        'apiVersion: castellan/v1\n',
        '\u2028',
        '🏰',
        'null',
      ],
    )
    const text = fc.array(pieces, { maxLength: 60 }).map((parts) => parts.join(''))
    fc.assert(
      fc.property(fc.oneof(text, fc.string({ unit: 'binary' })), (source) => {
        for (const fault of parsePolicy([{ name: 'f.yaml', text: source }]).faults) {
          expect(fault.line).toBeGreaterThanOrEqual(1)
          expect(fault.col).toBeGreaterThanOrEqual(1)
        }
      }),
      { numRuns: 1_000 },
    )
  })
})
