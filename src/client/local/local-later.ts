/** Local checks whose engine is loaded when they are wanted: an application that always asks the service never loads it. Until it is there the service is asked. Floor 6. */
import type { LocalStatus } from './local-status.ts'
import type { LocalAsker, LocalNeeds } from './open-local.ts'

export function openLocalLater(needs: LocalNeeds): LocalAsker {
  const { service } = needs
  let local: LocalAsker | undefined
  let closing: Promise<void> | undefined
  let asked = 0
  import('./open-local.ts').then(
    ({ openLocal }) => {
      if (closing === undefined) local = openLocal(needs)
    },
    // A package that is damaged: as long as the service answers, nobody is worse off than without local checks.
    () => undefined,
  )
  return {
    peek: (question, options) => local?.peek(question, options),
    check(question, options) {
      if (local !== undefined) return local.check(question, options)
      asked += 1
      return service.check(question, options)
    },
    checkAll(questions, options) {
      if (local !== undefined) return local.checkAll(questions, options)
      asked += questions.length
      return service.checkAll(questions, options)
    },
    listPermissions: (subject, options) => (local ?? service).listPermissions(subject, options),
    status: () => local?.status() ?? { ...NOT_YET, asked },
    close() {
      closing ??= (local ?? service).close()
      return closing
    },
  }
}

const NOT_YET: Omit<LocalStatus, 'asked'> = {
  state: 'asking',
  position: undefined,
  ageMs: Number.POSITIVE_INFINITY,
  policyRevision: undefined,
  entries: 0,
  bytes: 0,
  decided: 0,
}
