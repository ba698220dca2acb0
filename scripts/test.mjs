/** The whole test command: build, checks, Redis, a browser, Prometheus and Python where they are missing, Jest. Goes on after failed checks, so that one run tells everything; ends with "tests: N passed, N failed". */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const report = join(mkdtempSync(join(tmpdir(), 'castellan-jest-')), 'report.json')
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'

/** Whether a step of package.json succeeds. */
function step(name, ...args) {
  const { status } = spawnSync(npm, ['run', '--silent', name, ...(args.length === 0 ? [] : ['--', ...args])], {
    cwd: root,
    stdio: 'inherit',
    shell: npm !== 'npm',
  })
  if (status !== 0) console.error(`\nFAILED: npm run ${name}\n`)
  return status === 0
}

/** What Jest counted; `undefined` when it did not get to count. */
function readCount() {
  try {
    const { numPassedTests, numFailedTests, numFailedTestSuites, numRuntimeErrorTestSuites } = JSON.parse(readFileSync(report, 'utf8'))
    // A file that could not even run has failed, though none of its tests was counted.
    return { passed: numPassedTests, failed: numFailedTests + numRuntimeErrorTestSuites, suites: numFailedTestSuites }
  } catch {
    return undefined
  }
}

const built = step('build')
const checked = step('check')
// Its own words say what is amiss; the tests that miss it fail.
if (built) {
  for (const name of ['need-redis.mjs', 'need-chromium.mjs', 'need-prometheus.mjs', 'need-python.mjs'])
    spawnSync(process.execPath, [join(root, 'scripts', name)], { cwd: root, stdio: 'inherit' })
}
const ran = built && step('jest', '--json', `--outputFile=${report}`, ...process.argv.slice(2))
const count = readCount()
rmSync(dirname(report), { recursive: true, force: true })

const green = built && checked && ran
console.log(`\nbuild: ${built ? 'ok' : 'FAILED'}, checks: ${checked ? 'ok' : 'FAILED'}, jest: ${ran ? 'ok' : built ? 'FAILED' : 'not run'}`)
console.log(`tests: ${count?.passed ?? 0} passed, ${count?.failed ?? 1} failed`)
process.exitCode = green ? 0 : 1
