/**
 * Reviews policy files in a pull request: validate, test, lint, plan; told as annotations, in the job's summary and in one comment.
 * Everything it touches comes as an argument. No part of a person's name is asked for, so none can be written.
 */
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

/** GitHub refuses longer comments. */
const COMMENT_CHARACTERS_MAX = 65_536
/** Pages of comments looked through for ours, and comments on one. */
const COMMENT_PAGES_MAX = 20
const COMMENTS_A_PAGE = 100
const GITHUB_TIMEOUT_MS = 15_000
/** Annotations of one kind that GitHub shows of a step are ten; the log has these. */
const ANNOTATIONS_MAX = 100

/**
 * @param needs `run(args, environment)` runs npx, outside of the `checkout`; `write` is the job's log; `stopToken` is a secret of this run
 * @returns the exit code of the step: that of the first command that refused
 */
export async function review(needs) {
  const { environment, write } = needs
  let inputs
  try {
    inputs = readInputs(environment)
  } catch (fault) {
    write(annotation('error', fault.message))
    return 2
  }
  for (const secret of [inputs.key, inputs.githubToken]) if (secret !== '') write(`::add-mask::${secret}\n`)
  // Commands run elsewhere: the folder is named from the root, and places in it are told as seen from the checkout.
  const folder = resolve(needs.checkout, inputs.policies)
  const known = { ...bare(environment), GITHUB_WORKSPACE: needs.checkout }
  const castellan = (args, added = {}) => needs.run(npxArguments(inputs.version, [...args, '--', folder]), { ...known, ...added })

  const validated = await castellan(['policy', 'validate', '-o', 'json'])
  const validity = parse(validated.out)
  if (validity === undefined) return tellFailure(needs, 'castellan policy validate', validated)
  for (const fault of limited(validity.faults)) write(faultAnnotation(inputs.policies, fault))
  if (validated.code !== 0) {
    tellSummary(environment, `### Policy review\n\nThe policy files have faults: ${validity.faults.length}. They are annotated.\n`)
    return validated.code
  }
  tellOutputs(environment, { revision: validity.revision })

  const tested = await castellan(['policy', 'test', '-o', 'github'])
  // Annotations, which the command has escaped.
  write(tested.out)
  if (tested.code !== 0) tellText(needs, tested.err)
  const linted = await castellan(['policy', 'lint', '-o', 'json'])
  const { findings } = parse(linted.out) ?? {}
  // It refuses nothing; that there is no answer is not the same as that there is nothing to find.
  if (!Array.isArray(findings)) tellFailure(needs, 'castellan policy lint', linted, 'warning')
  for (const finding of limited(findings)) write(findingAnnotation(inputs.policies, finding))

  const planned = await plan(needs, inputs, castellan)
  return tested.code === 0 ? planned : tested.code
}

/** @throws Error naming the input */
export function readInputs(environment) {
  const text = (name) => (environment[`INPUT_${name}`] ?? '').trim()
  const flag = (name, input) => {
    const value = text(name) === '' ? 'true' : text(name)
    if (value !== 'true' && value !== 'false') throw new Error(`${input}: must be true or false`)
    return value === 'true'
  }
  const words = (name) =>
    text(name)
      .split(/[\s,]+/)
      .filter((word) => word !== '')
  const maxLost = text('MAX_LOST')
  if (!/^\d{0,15}$/.test(maxLost)) throw new Error('max-lost: must be a whole number, 0 or more')
  const version = text('CASTELLAN_VERSION')
  if (!/^[0-9A-Za-z.+^~-]*$/.test(version)) throw new Error('castellan-version: must be a version or a tag of the npm package')
  return {
    policies: text('POLICIES') === '' ? 'policies' : text('POLICIES'),
    url: text('URL'),
    key: text('KEY'),
    plan: flag('PLAN', 'plan'),
    gates: [
      ...(maxLost === '' ? [] : [`--max-lost=${maxLost}`]),
      ...words('PROTECT').map((permission) => `--protect=${permission}`),
      ...words('REQUIRE_APPROVAL_FOR').map((risk) => `--require-approval-for=${risk}`),
      ...(text('APPROVED_BY') === '' || text('REQUIRE_APPROVAL_FOR') === '' ? [] : [`--approved-by=${text('APPROVED_BY')}`]),
    ],
    comment: flag('COMMENT', 'comment'),
    githubToken: text('GITHUB_TOKEN'),
    version,
  }
}

async function plan(needs, inputs, castellan) {
  const { environment, write } = needs
  if (!inputs.plan) return 0
  if (inputs.url === '' || inputs.key === '') {
    const missing = inputs.url === '' ? 'no url is set' : 'there is no key: pull requests from forks get no secrets'
    const words = `Validated and tested only: ${missing}.`
    write(annotation('notice', words))
    tellSummary(environment, `### Policy review\n\n${words}\n`)
    return 0
  }
  const folder = mkdtempSync(join(tmpdir(), 'castellan-plan-'))
  const file = join(folder, 'plan.md')
  try {
    const args = ['policy', 'plan', '-o', 'json', `--markdown-file=${file}`, ...inputs.gates]
    const planned = await castellan(args, { CASTELLAN_URL: inputs.url, CASTELLAN_KEY: inputs.key })
    const found = parse(planned.out)
    const effects = found?.summary?.effects
    // Anything but a whole plan is none, and nothing may look as if it had passed.
    if ((planned.code !== 0 && planned.code !== 5) || effects === undefined) return tellFailure(needs, 'castellan policy plan', planned)
    tellOutputs(environment, {
      lost: effects.lost + effects.narrowed + effects.changed,
      gained: effects.gained + effects.widened + effects.changed,
      refused: planned.code === 5,
    })
    const markdown = readFileSync(file, 'utf8')
    tellSummary(environment, markdown)
    for (const sentence of limited(found.gates?.refused)) write(annotation('error', sentence, { title: 'Refused by the gates' }))
    if (inputs.comment) await comment(needs, inputs, markdown)
    return planned.code
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** One comment for each folder of policies, updated from then on. What cannot be written is a warning: the summary has it too. */
async function comment({ environment, fetch, write }, inputs, markdown) {
  const number = pullRequestOf(environment)
  if (number === undefined) return
  if (inputs.githubToken === '') return write(annotation('warning', 'The plan is not written to the pull request: github-token is empty.'))
  const github = openGithub(environment, inputs.githubToken, fetch)
  const mark = `<!-- castellan policy plan: ${encodeURIComponent(inputs.policies)} -->`
  const body = `${mark}\n${markdown}`.slice(0, COMMENT_CHARACTERS_MAX)
  try {
    const own = await github.findComment(number, mark)
    const updated = own !== undefined && (await github.update(own, body))
    if (!updated) await github.create(number, body)
  } catch (fault) {
    write(annotation('warning', `The plan could not be written to the pull request: ${fault.message}. It needs pull-requests: write.`))
  }
}

/** The few calls of GitHub's REST API that a comment takes. */
export function openGithub(environment, token, fetch) {
  const base = (environment['GITHUB_API_URL'] ?? 'https://api.github.com').replace(/\/+$/, '')
  const repository = (environment['GITHUB_REPOSITORY'] ?? '').split('/').map(encodeURIComponent).join('/')
  const ask = async (method, path, body) => {
    const answer = await fetch(`${base}${path}`, {
      method,
      headers: {
        accept: 'application/vnd.github+json',
        authorization: `Bearer ${token}`,
        'user-agent': 'castellan-policy-review',
        'x-github-api-version': '2022-11-28',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      // A redirect would hand the token to another address.
      redirect: 'error',
      signal: AbortSignal.timeout(GITHUB_TIMEOUT_MS),
    })
    const content = parse(await answer.text())
    return { ok: answer.ok, status: answer.status, content }
  }
  const need = (answer, what) => {
    if (!answer.ok || answer.content === undefined) throw new Error(`${what} answered ${answer.status}`)
    return answer.content
  }
  return {
    /** Of a bot, or of whoever the token is: anybody may write our mark, and what others own they can change afterwards. */
    async findComment(number, mark) {
      const me = await ask('GET', '/user')
      const login = me.ok ? me.content?.login : undefined
      for (let page = 1; page <= COMMENT_PAGES_MAX; page++) {
        const path = `/repos/${repository}/issues/${number}/comments?per_page=${COMMENTS_A_PAGE}&page=${page}`
        const comments = need(await ask('GET', path), 'listing comments')
        const found = comments.find(
          ({ body, user }) =>
            typeof body === 'string' && body.startsWith(mark) && (login === undefined ? user?.type === 'Bot' : user?.login === login),
        )
        if (found !== undefined) return found.id
        if (comments.length < COMMENTS_A_PAGE) return undefined
      }
      return undefined
    },
    /** @returns false when it is gone, or not ours after all */
    async update(id, body) {
      const answer = await ask('PATCH', `/repos/${repository}/issues/comments/${id}`, { body })
      if (answer.status === 403 || answer.status === 404) return false
      need(answer, 'updating the comment')
      return true
    },
    async create(number, body) {
      need(await ask('POST', `/repos/${repository}/issues/${number}/comments`, { body }), 'writing a comment')
    },
  }
}

function pullRequestOf(environment) {
  const file = environment['GITHUB_EVENT_PATH'] ?? ''
  if (file === '') return undefined
  const number = parse(readFileSync(file, 'utf8'))?.pull_request?.number
  return Number.isSafeInteger(number) ? number : undefined
}

function npxArguments(version, args) {
  return ['--yes', version === '' ? 'castellan' : `castellan@${version}`, ...args]
}

/** Commands get no secret that they do not need, and no settings of ours. */
function bare(environment) {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !/^(INPUT_|CASTELLAN_)/.test(name)))
}

function tellFailure({ write, ...needs }, what, { code, err }, kind = 'error') {
  tellText({ write, ...needs }, err)
  write(annotation(kind, `${what} failed: ${err.trim().split('\n')[0] || `exit code ${code}`}`))
  return code === 0 ? 1 : code
}

/** Text that may hold what files say: nothing in it is a command to the runner. */
function tellText({ write, stopToken }, text) {
  if (text.trim() !== '') write(`::stop-commands::${stopToken}\n${text.trimEnd()}\n::${stopToken}::\n`)
}

function tellSummary(environment, markdown) {
  const file = environment['GITHUB_STEP_SUMMARY'] ?? ''
  if (file !== '') appendFileSync(file, `${markdown.trimEnd()}\n`)
}

function tellOutputs(environment, outputs) {
  const file = environment['GITHUB_OUTPUT'] ?? ''
  if (file === '') return
  for (const [name, value] of Object.entries(outputs)) {
    // A line end would begin another output.
    if (!/^[0-9a-z]+$/.test(String(value))) throw new Error(`output ${name} is not what it should be`)
    appendFileSync(file, `${name}=${value}\n`)
  }
}

function faultAnnotation(folder, { file, line, col, severity, code, message, hint }) {
  const text = `${message}${hint === undefined ? '' : ` (${hint})`}`
  return annotation(severity === 'error' ? 'error' : 'warning', text, {
    file: `${folder.replace(/\/+$/, '')}/${file}`,
    line,
    col,
    title: code,
  })
}

function findingAnnotation(folder, { at, code, message, hint }) {
  const place = at === undefined ? {} : { file: `${folder.replace(/\/+$/, '')}/${at.file}`, line: at.line, col: at.col }
  return annotation('warning', `${message}${hint === undefined ? '' : ` (${hint})`}`, { ...place, title: code })
}

/** @see https://docs.github.com/actions/reference/workflow-commands-for-github-actions */
export function annotation(kind, message, properties = {}) {
  const given = Object.entries(properties).filter(([, value]) => value !== undefined)
  const list = given.map(([name, value]) => `${name}=${escaped(String(value)).replaceAll(':', '%3A').replaceAll(',', '%2C')}`).join(',')
  return `::${kind}${list === '' ? '' : ` ${list}`}::${escaped(message)}\n`
}

function escaped(text) {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
}

function limited(list) {
  return Array.isArray(list) ? list.slice(0, ANNOTATIONS_MAX) : []
}

function parse(text) {
  try {
    const value = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}
