/** Checks in this process, against libraries that decide in the process too: once without conditions, once with one each. */
import { type Asked, conditionQuestions, type Facts, loadFacts, plainQuestions } from '../facts.ts'
import { openCasbin } from '../peers/casbin.ts'
import { openCasl } from '../peers/casl.ts'
import { openCedar } from '../peers/cedar.ts'
import { openEngine } from '../peers/engine.ts'
import type { OpenWorkload, Workload } from '../workload.ts'

export const localRoles: Workload = {
  name: 'local-roles',
  title: 'In process, roles only',
  open: () => openLocal(plainQuestions, false),
}

export const localConditions: Workload = {
  name: 'local-conditions',
  title: 'In process, with a condition on the resource',
  open: () => openLocal(conditionQuestions, true),
}

async function openLocal(questionsOf: (facts: Facts) => readonly Asked[], conditions: boolean): Promise<OpenWorkload> {
  const facts = await loadFacts()
  const questions = questionsOf(facts)
  const engine = openEngine(facts, questions)
  const contenders = [engine, openCasl(facts, questions), await openCasbin(facts, questions, conditions), openCedar(facts, questions)]
  const allowed = await engine.ask(0, questions.length)
  return {
    contenders,
    questions: questions.length,
    facts: `${facts.people.length} people in ${facts.tenants.length} tenants; ${questions.length} questions, ${Math.round((100 * allowed) / questions.length)} % allowed`,
    describe: (question) => JSON.stringify(questions[question]),
    close: async () => undefined,
  }
}
