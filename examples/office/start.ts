/** Runs the office beside the service that `castellan run` started (npm run example): people, key, port, and what to try. */
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { createClient } from 'castellan/client'
import { createTokenVerifier } from 'castellan/client/token'
import { openOffice } from './app.ts'
import type { Permission } from './permissions.ts'
import { endCover, giveCover, prepare, type Service, TENANT, WHO } from './prepare.ts'

/** What a development service names its tokens for. */
const AUDIENCE = 'castellan'

const { values } = parseArgs({ options: { port: { type: 'string', default: '3000' } } })
const origin = `http://127.0.0.1:${values.port}`
const service: Service = { url: setting('CASTELLAN_URL'), identity: setting('CASTELLAN_IDENTITY_URL'), key: setting('CASTELLAN_KEY') }

const client = createClient<Permission>({
  target: setting('CASTELLAN_GRPC_TARGET'),
  credentials: { key: await prepare(service, origin) },
})
const verifier = createTokenVerifier({ issuer: service.identity, audience: AUDIENCE })
const { app } = openOffice({ client, verifier, issuer: service.identity, origin, tenant: TENANT })
// On the address that is written in the login, and on no other.
const server = app.listen(Number(values.port), '127.0.0.1')
server.on('error', ({ message }) => {
  process.stderr.write(`${message}\nAnother port: npm run example -- --port 3001\n`)
  process.exit(1)
})
await once(server, 'listening')

process.stdout.write(`
The office:   ${origin}
Its mailbox:  ${service.identity}/dev/mailbox   (links to sign in arrive here)

Sign in with the address of one of these, such as ann@example.org:
${WHO.map((line) => `  ${line}`).join('\n')}

Type "cover ann" here, and Ann works for finance too for ten minutes; "end ann" ends it at once. Ctrl-C stops everything.

`)

const lines = createInterface({ input: process.stdin })
lines.on('line', (line) => {
  const [word, user = ''] = line.trim().split(/\s+/)
  if (word !== 'cover' && word !== 'end') return
  const change = word === 'cover' ? giveCover(service, user, Date.now()) : endCover(service, user)
  change.then(
    () => process.stdout.write(`done: press a button in the office\n`),
    (fault: Error) => process.stderr.write(`${fault.message}\n`),
  )
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    lines.close()
    server.closeAllConnections()
    server.close(() => void client.close().finally(() => process.exit(0)))
  })
}

function setting(name: string): string {
  const value = process.env[name]
  if (value === undefined || value === '') throw new Error(`${name} is not set: start this with npm run example`)
  return value
}
