/** What node:cluster says of a process that never came to be. Workers that live are in test/journeys/workers.test.ts. */
import cluster from 'node:cluster'
import { expect, it } from '@jest/globals'
import { forkWorker, prepareCluster } from '../../../src/main/workers/cluster-process.ts'
import type { WorkerEnd } from '../../../src/main/workers/worker-pool.ts'

const noOutput = { write: () => undefined, take: async () => undefined }

it('a worker that the system did not start is told as ended, once, with the reason', async () => {
  prepareCluster()
  // Nothing can be started in a folder that is not there.
  cluster.setupPrimary({ cwd: '/nonexistent/folder' })
  const ends: WorkerEnd[] = []
  const worker = forkWorker('1', { output: noOutput, errors: noOutput, passed: () => undefined })
  await new Promise<void>((resolve) =>
    worker.onEnded((end) => {
      ends.push(end)
      resolve()
    }),
  )
  // It is gone for whoever does not know it yet.
  worker.send({ kind: 'stop' })
  worker.kill()
  worker.showErrors(true)
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(ends).toEqual([{ code: null, signal: null, fault: expect.stringContaining('ENOENT') }])
})
