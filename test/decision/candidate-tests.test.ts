/** What a publisher is told of tests of a candidate that fail: each with its place. */
import { describe, expect, it } from '@jest/globals'
import { readTestedCandidate } from '../../src/access/policy-candidate.ts'
import { runCandidateTests } from '../../src/decision/candidate-tests.ts'
import { PolicyError } from '../../src/policy/faults.ts'

const files = (...expected: readonly string[]) => [
  {
    name: 'policy.yaml',
    text: `apiVersion: castellan/v1
kind: PermissionCatalogue
metadata: { service: desk, owner: o@example.org }
permissions:
  desk.read: { code: d.r, title: Read }
  desk.write: { code: d.w, title: Write }
---
apiVersion: castellan/v1
kind: RoleBundle
metadata: { name: desk, owner: o@example.org }
roles:
  reader: { title: Reader, permissions: [desk.read] }
`,
  },
  {
    name: 'tests/desk.test.yaml',
    text: `apiVersion: castellan/v1
kind: PolicyTest
metadata: { name: desk }
people:
  ann: { roles: [reader] }
tests:
${expected.map((exactly, index) => `  - { name: test ${index}, person: ann, exactly: ${exactly} }\n`).join('')}`,
  },
]

describe('the tests of a candidate', () => {
  it('let it through when all pass', () => {
    expect(readTestedCandidate(files('[desk.read]'), runCandidateTests).warnings).toEqual([])
  })

  it('refuse it by a fault at the line of each that fails, with all its differences', () => {
    const read = () => readTestedCandidate(files('[desk.write]', '[desk.read]', '[]'), runCandidateTests)
    expect(read).toThrow(PolicyError)
    try {
      read()
    } catch (fault) {
      const common = { file: 'tests/desk.test.yaml', col: 1, severity: 'error', code: 'test-failed' }
      expect((fault as PolicyError).faults).toEqual([
        {
          ...common,
          line: 7,
          message:
            'test "test 0" of desk fails: permission desk.write is expected and not held; permission desk.read is held and not expected',
        },
        { ...common, line: 9, message: 'test "test 2" of desk fails: permission desk.read is held and not expected' },
      ])
    }
  })
})
