/** The composite action as GitHub runs it: a process with an environment, against a real service and a server that speaks GitHub's few calls. */
import { spawn } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { parse } from 'yaml'
import { castellanEntry, cleanEnvironment, type Ended, follow, type RunningService, startDev } from '../support/castellan-process.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const TOKEN = 'ghs_token-of-the-test'

interface Comment {
  readonly id: number
  body: string
  readonly user: { readonly login: string; readonly type: string }
}

let folder: string
let service: RunningService
let github: Server
let comments: Comment[]
let calls: string[]
/** Status of every write of a comment; absent: they are taken. */
let refusal: number | undefined

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'castellan-action-'))
  mkdirSync(join(folder, 'bin'))
  // As npx finds it in a repository that has it installed; what it is called with is kept.
  writeFileSync(
    join(folder, 'bin/npx'),
    `#!/bin/sh\necho "$@" >> "${folder}/npx.log"\necho "cwd $(pwd) $(ls -A | wc -l)" >> "${folder}/npx.log"\nenv | grep -E '^(INPUT_|CASTELLAN_)' >> "${folder}/npx.log"\nshift 2\ntest "$2" = lint && test -e "${folder}/no-lint" && echo went wrong >&2 && exit 1\nexec "${process.execPath}" "${castellanEntry}" "$@"\n`,
  )
  chmodSync(join(folder, 'bin/npx'), 0o755)
  cpSync(join(root, 'policies'), join(folder, 'policies'), { recursive: true })
  const home = join(folder, 'service')
  mkdirSync(home)
  cpSync(join(root, 'policies'), join(home, 'policies'), { recursive: true })
  service = await startDev({ cwd: home })
  github = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => {
      calls.push(`${request.method} ${request.url}`)
      const answer = (status: number, content: unknown) => {
        response.writeHead(status, { 'content-type': 'application/json' })
        response.end(JSON.stringify(content))
      }
      if (request.headers.authorization !== `Bearer ${TOKEN}`) return answer(401, { message: 'Bad credentials' })
      const [path = '', query = ''] = (request.url ?? '').split('?')
      // What a job's own token gets.
      if (path === '/user') return answer(403, { message: 'Resource not accessible by integration' })
      if (request.method !== 'GET' && refusal !== undefined) return answer(refusal, { message: 'refused' })
      if (path === '/repos/acme/policies/issues/7/comments' && request.method === 'GET') {
        const page = Number(new URLSearchParams(query).get('page'))
        return answer(200, comments.slice((page - 1) * 100, page * 100))
      }
      if (path === '/repos/acme/policies/issues/7/comments') {
        comments.push({ id: 1_000 + comments.length, body: JSON.parse(body).body, user: { login: 'github-actions[bot]', type: 'Bot' } })
        return answer(201, comments.at(-1))
      }
      const own = comments.find(({ id }) => path === `/repos/acme/policies/issues/comments/${id}`)
      if (request.method !== 'PATCH' || own === undefined) return answer(404, { message: 'Not Found' })
      own.body = JSON.parse(body).body
      return answer(200, own)
    })
  })
  await new Promise<void>((settle) => github.listen(0, '127.0.0.1', settle))
})
afterAll(async () => {
  service?.process.kill('SIGKILL')
  await service?.process.ended
  await new Promise((settle) => github.close(settle))
  rmSync(folder, { recursive: true, force: true })
})
beforeEach(() => {
  comments = []
  calls = []
  refusal = undefined
  rmSync(join(folder, 'npx.log'), { force: true })
})

interface Reviewed extends Ended {
  readonly summary: string
  readonly outputs: Readonly<Record<string, string>>
  /** Arguments of each npx, and what it was told of us in its environment. */
  readonly npx: readonly string[]
}

async function review(inputs: Readonly<Record<string, string>>): Promise<Reviewed> {
  const [summary, output, event] = ['summary.md', 'output', 'event.json'].map((name) => join(folder, name)) as [string, string, string]
  writeFileSync(summary, '')
  writeFileSync(output, '')
  writeFileSync(event, JSON.stringify({ pull_request: { number: 7 } }))
  const environment = {
    ...cleanEnvironment({ PATH: `${join(folder, 'bin')}${delimiter}${process.env['PATH']}` }),
    GITHUB_API_URL: `http://127.0.0.1:${(github.address() as AddressInfo).port}`,
    GITHUB_REPOSITORY: 'acme/policies',
    GITHUB_EVENT_PATH: event,
    GITHUB_STEP_SUMMARY: summary,
    GITHUB_OUTPUT: output,
    ...Object.fromEntries(Object.entries(inputs).map(([name, value]) => [`INPUT_${name.replaceAll('-', '_').toUpperCase()}`, value])),
  }
  const child = spawn(process.execPath, [join(root, 'action/main.mjs')], {
    cwd: folder,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = await follow(child).ended
  const lines = readFileSync(output, 'utf8').trim().split('\n')
  return {
    ...ended,
    summary: readFileSync(summary, 'utf8'),
    outputs: Object.fromEntries(lines.filter((line) => line !== '').map((line) => line.split('=') as [string, string])),
    npx: readFileSync(join(folder, 'npx.log'), 'utf8').trim().split('\n'),
  }
}

const planned = (more: Readonly<Record<string, string>> = {}) => ({
  policies: 'policies',
  url: service.url,
  key: service.key,
  'github-token': TOKEN,
  ...more,
})

/** Salespeople lose, and gain another permission: Ann and Sue of the samples are. The tests are told, so that they pass. */
function edit() {
  const change = (file: string, ...edits: readonly (readonly [string, string])[]) => {
    const path = join(folder, 'policies/office', file)
    writeFileSync(
      path,
      edits.reduce(
        (text, [from, to]) => {
          expect(text).toContain(from)
          return text.replaceAll(from, to)
        },
        readFileSync(path, 'utf8'),
      ),
    )
  }
  change('roles.yaml', ['      - sales.quote.create\n', '      - sales.report.download\n'])
  return () => cpSync(join(root, 'policies'), join(folder, 'policies'), { recursive: true })
}

describe('the action', () => {
  it('validates, tests and plans, and says it in the summary and in one comment, which a second run updates', async () => {
    const first = await review(planned())
    expect(first).toMatchObject({
      code: 0,
      outputs: { revision: expect.stringMatching(/^[0-9a-f]{64}$/), lost: '0', gained: '0', refused: 'false' },
      summary: expect.stringContaining('The two policies mean the same.'),
    })
    expect(comments.map(({ body }) => body)).toEqual([`<!-- castellan policy plan: policies -->\n${first.summary}`])
    const undo = edit()
    try {
      const second = await review(planned())
      // Its tests hold a salesperson to what the role had.
      expect(second).toMatchObject({ code: 4, out: expect.stringContaining('::error file=policies/office/office.test.yaml,line=') })
      expect(second.outputs).toMatchObject({ lost: '2', gained: '2', refused: 'false' })
      expect(comments).toHaveLength(1)
      expect(comments[0]?.body).toContain('-   sales.quote.create')
      for (const text of [second.summary, comments[0]?.body ?? '', second.out, second.err])
        for (const name of ['ann', 'sue', 'acme']) expect(text).not.toMatch(new RegExp(`\\b${name}\\b`))
    } finally {
      undo()
    }
  })

  it('ends with 5 when a gate refuses, with its sentences as annotations', async () => {
    const undo = edit()
    try {
      rmSync(join(folder, 'policies/office/office.test.yaml'))
      const refused = await review(
        planned({ 'max-lost': '1', protect: 'finance.*\nsales.quote.create', 'require-approval-for': 'risk:high' }),
      )
      expect(refused).toMatchObject({ code: 5, outputs: { lost: '2', refused: 'true' } })
      expect(refused.out).toMatch(/^::error title=Refused by the gates::max-lost: /m)
      expect(refused.out).toMatch(/^::error title=Refused by the gates::protected sales\.quote\.create/m)
      expect(comments[0]?.body).toContain('**Refused by the gates:**')
      expect((await review(planned({ 'max-lost': '2' }))).code).toBe(0)
    } finally {
      undo()
    }
  })

  it('annotates every fault of broken files at its place, and plans nothing', async () => {
    const file = join(folder, 'policies/office/roles.yaml')
    const good = readFileSync(file, 'utf8')
    try {
      writeFileSync(file, good.replace('      - sales.quote.create\n', '      - sales.quote.crate\n'))
      const broken = await review(planned())
      expect(broken).toMatchObject({ code: 3, outputs: {} })
      expect(broken.out).toMatch(
        /^::error file=policies\/office\/roles\.yaml,line=\d+,col=\d+,title=unknown-permission::.*sales\.quote\.crate.*\(did you mean "sales\.quote\.create"\?\)$/m,
      )
      expect(calls).toEqual([])
    } finally {
      writeFileSync(file, good)
    }
  })

  it('validates and tests only, and says so, where a fork has no secrets', async () => {
    const fork = await review({ policies: 'policies', url: service.url, 'github-token': TOKEN })
    expect(fork).toMatchObject({ code: 0, out: expect.stringContaining('::notice::Validated and tested only: there is no key') })
    expect(fork.summary).toContain('Validated and tested only')
    expect(Object.keys(fork.outputs)).toEqual(['revision'])
    expect(calls).toEqual([])
  })

  it('passes when the comment cannot be written, and warns', async () => {
    refusal = 403
    const kept = await review(planned())
    expect(kept).toMatchObject({ code: 0, out: expect.stringContaining('::warning::The plan could not be written to the pull request') })
    expect(kept.summary).toContain('### Policy plan')
  })

  it('fails when there is no whole plan: the service is away, or refuses the key', async () => {
    for (const inputs of [planned({ url: 'http://127.0.0.1:1' }), planned({ key: 'not-a-key' })]) {
      const failed = await review(inputs)
      expect(failed).toMatchObject({ code: 1, out: expect.stringContaining('::error::castellan policy plan failed: ') })
      expect(failed.outputs).not.toHaveProperty('refused')
      expect(comments).toEqual([])
    }
  })

  it('updates only a comment of its own, on whichever page, and takes no comment of somebody who writes its mark', async () => {
    const mark = '<!-- castellan policy plan: policies -->'
    const person = { login: 'mallory', type: 'User' }
    comments = Array.from({ length: 130 }, (_, id) => ({ id, body: id === 3 ? `${mark}\nall is well` : 'hello', user: person }))
    await review(planned())
    expect(comments).toHaveLength(131)
    expect(comments[3]?.body).toBe(`${mark}\nall is well`)
    await review(planned())
    expect(comments).toHaveLength(131)
    expect(calls.at(-1)).toBe('PATCH /repos/acme/policies/issues/comments/1130')
  })

  it('hands the key to the plan alone, masks it, and takes what inputs say as data', async () => {
    const { npx, out } = await review(
      planned({ 'approved-by': '$(touch pwned); --max-lost=0', 'require-approval-for': 'risk:high', 'castellan-version': '0.1.0' }),
    )
    expect(out.slice(0, 200)).toContain(`::add-mask::${service.key}\n::add-mask::${TOKEN}\n`)
    expect(out.split(service.key)).toHaveLength(2)
    const withKey = npx.filter((line) => line.includes(service.key))
    expect(withKey).toEqual([`CASTELLAN_KEY=${service.key}`])
    expect(npx.filter((line) => line.startsWith('INPUT_'))).toEqual([])
    expect(npx.filter((line) => line.startsWith('--yes castellan@0.1.0 policy ')).map((line) => line.split(' ')[3])).toEqual([
      'validate',
      'test',
      'lint',
      'plan',
    ])
    expect(npx.join('\n')).toContain(`--approved-by=$(touch pwned); --max-lost=0 -- ${join(folder, 'policies')}`)
  })

  it('runs no command where the pull request could say which program that is', async () => {
    const { npx, code } = await review(planned())
    expect(code).toBe(0)
    const places = npx.filter((line) => line.startsWith('cwd '))
    expect(places).toHaveLength(4)
    for (const place of places) {
      expect(place).not.toContain(folder)
      expect(place).toMatch(/castellan-run-\S+ 0$/)
    }
  })

  it('warns when there is no answer about what is untidy, and goes on', async () => {
    writeFileSync(join(folder, 'no-lint'), '')
    try {
      const reviewed = await review(planned())
      expect(reviewed).toMatchObject({ code: 0, outputs: { refused: 'false' } })
      expect(reviewed.out).toContain('::warning::castellan policy lint failed: went wrong\n')
    } finally {
      rmSync(join(folder, 'no-lint'))
    }
  })

  it('refuses inputs that are none, by their name', async () => {
    for (const [name, value] of [
      ['plan', 'yes'],
      ['max-lost', '-1'],
      ['castellan-version', '1; rm -rf .'],
    ] as const) {
      writeFileSync(join(folder, 'npx.log'), '')
      expect(await review(planned({ [name]: value }))).toMatchObject({
        code: 2,
        out: expect.stringContaining(`::error::${name}: `),
        npx: [''],
      })
    }
  })
})

describe('action.yml', () => {
  const text = readFileSync(join(root, 'action/action.yml'), 'utf8')
  const action = parse(text)
  const script = readFileSync(join(root, 'action/review.mjs'), 'utf8')

  it('declares every input that is used, and uses every one that it declares', () => {
    const used = new Set([...text.matchAll(/\$\{\{ inputs\.([a-z-]+)/g)].map(([, name]) => name))
    expect([...used].sort()).toEqual(Object.keys(action.inputs).sort())
    for (const step of action.runs.steps)
      for (const [name, value] of Object.entries(step.env ?? {})) {
        expect(value).toBe(`\${{ inputs.${name.replace('INPUT_', '').replaceAll('_', '-').toLowerCase()} }}`)
        expect(script).toContain(`'${name.replace('INPUT_', '')}'`)
      }
    const read = [...script.matchAll(/(?:text|flag|words)\('([A-Z_]+)'/g)].map(([, name]) => `INPUT_${name}`)
    expect([...new Set(read)].sort()).toEqual(Object.keys(action.runs.steps.at(-1).env).sort())
  })

  it('declares the outputs that the script writes', () => {
    const written = [...script.matchAll(/tellOutputs\(environment, \{([\s\S]*?)\}\)/g)].flatMap(([, body = '']) =>
      [...body.matchAll(/(\w+):/g)].map(([, name]) => name),
    )
    expect(written.sort()).toEqual(Object.keys(action.outputs).sort())
    for (const [name, { value }] of Object.entries<{ value: string }>(action.outputs))
      expect(value).toBe(`\${{ steps.${action.runs.steps.at(-1).id}.outputs.${name} }}`)
  })

  it('puts nothing of an input into the text of a shell', () => {
    for (const step of action.runs.steps) expect(step.run ?? '').not.toContain('${{')
  })

  it('is explained: its page names every input and output, and its workflow gives only what is declared', () => {
    const page = readFileSync(join(root, 'action/README.md'), 'utf8')
    for (const name of [...Object.keys(action.inputs), ...Object.keys(action.outputs)]) expect(page).toContain(`\`${name}\``)
    const [, workflow = ''] = /```yaml\n([\s\S]*?)```/.exec(page) ?? []
    const steps: readonly { uses?: string; with?: Record<string, unknown> }[] = parse(workflow).jobs.policy.steps
    const given = steps.find(({ uses }) => uses?.includes('/action@'))?.with ?? {}
    for (const name of Object.keys(given)) expect(Object.keys(action.inputs)).toContain(name)
  })
})
