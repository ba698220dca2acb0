/** What `castellan dev` prints when it is ready: where it is, and two questions with the answers to expect. Floor 6. */
import { paint, type Terminal } from './command-line/terminal.ts'
import type { SampleQuestions } from './samples.ts'

export interface BannerFacts {
  readonly version: string
  readonly dataDirectory: string
  readonly policies: string
  readonly revision: string
  /** Absent: the policies in force do not know the samples. */
  readonly samples: SampleQuestions | undefined
  readonly scheme: 'http' | 'https'
  readonly addresses: { readonly http: string; readonly grpc: string; readonly probes: string }
  /** Of the identity service. */
  readonly issuer: string | undefined
  /** Absent: the key was set by somebody who knows it. */
  readonly key: string | undefined
  readonly keyPath: string
}

export function banner(terminal: Terminal, facts: BannerFacts): string {
  const { addresses, scheme, samples } = facts
  const url = `${scheme}://${addresses.http}`
  const lines = [
    '',
    `${paint(terminal, 'bold', `Castellan ${facts.version}`)}, development mode`,
    '',
    `  HTTP      ${url}   (API page: ${url}/docs)`,
    `  gRPC      ${addresses.grpc}`,
    ...(facts.issuer === undefined ? [] : [`  identity  ${facts.issuer}   (mailbox: ${facts.issuer}/dev/mailbox)`]),
    `  probes    http://${addresses.probes}   /livez /readyz /metrics`,
    `  policies  ${facts.policies}   (revision ${facts.revision.slice(0, 12)})`,
    `  data      ${facts.dataDirectory}`,
    `  key       ${facts.key === undefined ? 'CASTELLAN_ADMIN_KEY, as set' : `${facts.key}   (also in ${facts.keyPath})`}`,
    '',
  ]
  if (samples === undefined) lines.push('The sample people are left out: these policies do not have their roles.', '')
  else {
    const bearer = facts.key ?? '$CASTELLAN_ADMIN_KEY'
    for (const { words, question, answer } of [samples.allowed, samples.denied])
      lines.push(
        words,
        `  ${paint(terminal, 'dim', curl(url, bearer, question))}`,
        `  answers {"allowed":${answer.allowed},"reason":"${answer.reason}",…}`,
        '',
      )
    if (facts.issuer !== undefined) lines.push(...loginLines(facts.issuer))
  }
  const others = [
    ...(url === 'http://127.0.0.1:8080' ? [] : [` CASTELLAN_URL=${url}`]),
    ...(facts.issuer === undefined || facts.issuer === 'http://127.0.0.1:8081' ? [] : [` CASTELLAN_IDENTITY_URL=${facts.issuer}`]),
  ].join('')
  if (facts.key !== undefined)
    lines.push(`In a second terminal: export CASTELLAN_KEY_FILE=${facts.keyPath}${others}; npx castellan --help`, '')
  return `${lines.join('\n')}\n`
}

/** A mailbox stands in for her mail: it opens in the browser that asks. */
function loginLines(issuer: string): readonly string[] {
  return [
    'Log in as Ann (ann@example.org); the mail arrives in the mailbox:',
    `  ${issuer}/login?clientId=demo&redirectUri=${encodeURIComponent(`${issuer}/dev/app`)}`,
    '',
  ]
}

function curl(url: string, bearer: string, question: object): string {
  return `curl -s ${url}/v1/check -H "Authorization: Bearer ${bearer}" -H 'Content-Type: application/json' -d '${JSON.stringify(question)}'`
}
