/** A program that asks once, says how that ended, and has nothing more to do: `asking-program.ts grpc|http HOST:PORT close|leave`. */
import { createClient } from '../../../src/client/create-client.ts'
import { createHttpClient } from '../../../src/client/create-http-client.ts'

const [wire = '', address = '', end = ''] = process.argv.slice(2)
const options = { credentials: { key: 'cst_some-key', tls: true as const }, deadlineMs: 500 }
const client =
  wire === 'grpc'
    ? createClient({ target: address, ...options })
    : createHttpClient({ url: `https://${address}`, credentials: { key: 'cst_some-key', tls: {} }, deadlineMs: 5_000 })
const ended = await client.check({ user: 'ann', tenant: 'north', permission: 'finance.read' }).then(
  () => 'answered',
  (fault: { readonly code: string }) => fault.code,
)
process.stdout.write(`${ended}\n`)
if (end === 'close') await client.close()
