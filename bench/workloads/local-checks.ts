/** Checks in this process, against libraries that decide in the process too: once without conditions, once with one each. */
import { type Asked, conditionQuestions, type Facts, loadFacts, plainQuestions } from '../facts.ts'
import { localWorkload } from '../local.ts'
import { openCasbin } from '../peers/casbin.ts'
import { openCasl } from '../peers/casl.ts'
import { openCedar } from '../peers/cedar.ts'
import { openEngine } from '../peers/engine.ts'
import { openLocalClient } from '../peers/local-client.ts'
import { openSpice } from '../peers/spicedb.ts'
import { openBenchService } from '../service.ts'
import type { OpenWorkload } from '../workload.ts'

export const localRoles = localWorkload('local-roles', 'In process, roles only', () => openLocal(plainQuestions, false))

export const localConditions = localWorkload('local-conditions', 'In process, with a condition on the resource', () =>
  openLocal(conditionQuestions, true),
)

async function openLocal(questionsOf: (facts: Facts) => readonly Asked[], conditions: boolean): Promise<OpenWorkload> {
  const facts = await loadFacts()
  const questions = questionsOf(facts)
  const service = await openBenchService(facts)
  const local = openLocalClient(service, questions)
  let closeSpice = () => {}
  const close = async () => {
    closeSpice()
    await local.close()
    await service.close()
  }
  try {
    const engine = openEngine(facts, questions)
    const peers = [openCasl(facts, questions), await openCasbin(facts, questions, conditions), openCedar(facts, questions)]
    // Its conditions are another language's; roles are what it is for.
    const spice = conditions ? undefined : await openSpice(facts, questions)
    const notes = typeof spice === 'string' ? [spice] : []
    if (typeof spice === 'object') {
      peers.push(spice.contender)
      closeSpice = spice.close
    }
    const share = Math.round((100 * (await engine.ask(0, questions.length))) / questions.length)
    return {
      contenders: [local, engine, ...peers],
      questions: questions.length,
      facts: `${facts.people.length} people in ${facts.tenants.length} tenants; ${questions.length} questions, ${share} % allowed`,
      notes,
      describe: (question) => JSON.stringify(questions[question]),
      close,
    }
  } catch (fault) {
    await close()
    throw fault
  }
}
