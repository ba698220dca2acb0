/** Run by wire.test.ts, to be killed: starts a server of the bench that has a child of its own, and tells both. */
import { readFileSync } from 'node:fs'
import { openFolder, startServer } from '../../bench/servers/server-process.ts'

const folder = openFolder()
const { pid } = startServer({
  ...{ name: 'sleeper', command: 'sh', args: ['-c', 'sleep 600 & wait'], environment: { PATH: '/usr/bin:/bin' } },
  ...{ core: undefined, readerCore: undefined, folder },
})
const look = setInterval(() => {
  const child = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  if (child === '') return
  clearInterval(look)
  process.stdout.write(`${JSON.stringify({ pids: [pid, Number(child)], folder })}\n`)
}, 10)
process.stdin.resume()
