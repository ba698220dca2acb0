/** One process of the service against two, on the same two cores as their load: what a second one adds where there is nothing left over for it. */
import { rmSync } from 'node:fs'
import { plainQuestions } from '../facts.ts'
import { needLinux, needWrk } from '../load/generators.ts'
import { openHttpContender } from '../load/http-contender.ts'
import { answersOf } from '../questions.ts'
import { openFolder } from '../servers/server-process.ts'
import { wireWorkload } from '../wire.ts'
import { MissingError } from '../workload.ts'
import { openOurs } from './servers-in-turn.ts'

const CORES = 2
const QUESTIONS = 64

export const processes = wireWorkload({
  name: 'wire-processes',
  title: 'Check over HTTP, one process and two, load and service on the same two cores',
  unit: 'checks/s',
  async open(bench) {
    needLinux()
    needWrk()
    const { stage } = bench
    if (stage.place.server === undefined) throw new MissingError('Two processes need two cores and taskset.')
    const anywhere = { ...bench, stage: { ...stage, place: { ...stage.place, load: undefined } } }
    const facts = await stage.facts()
    const questions = plainQuestions(facts).slice(0, QUESTIONS)
    const folder = openFolder()
    const shared = { role: 'ours', questions, folder, expected: answersOf(facts) } as const
    const contender = async (workers: number, name: string) => {
      const { server, forms } = await openOurs(bench, { workers, cores: `0-${CORES - 1}` })
      return await openHttpContender({ ...shared, name, server, port: server.httpPort, form: forms.http }, anywhere)
    }
    return {
      contenders: [await contender(1, 'castellan, one process'), await contender(2, 'castellan, two processes')],
      facts: `${CORES} cores for all; the memory of each process is its own`,
      notes: [
        'The load takes from the same two cores: the ratio says how much of what one process leaves over the second one finds a use for, not how two cores of its own would scale.',
      ],
      close: async () => rmSync(folder, { recursive: true, force: true }),
    }
  },
})
