/** The client over whoever answers: checks what is asked, then asks. Knows no wire. Floor 6. */
import type { BoundClient, CallOptions, Client, Decision, PermissionList, Question, Resource, Subject } from '../client.ts'
import { CastellanError, DeniedError, UnavailableError } from '../errors.ts'
import type { Asker } from './asker.ts'
import { parseCallOptions, parseNames, parseQuestion, parseQuestions, parseSubject, parseWanted } from './parse-question.ts'

/** @typeParam Permission the names of the policy, as `castellan codegen` writes them */
export function openClient<Permission extends string = string>(asker: Asker): Client<Permission> {
  let closing: Promise<void> | undefined
  const optionsOf = (options: CallOptions | undefined): CallOptions | undefined => {
    const parsed = parseCallOptions(options)
    if (closing !== undefined) throw closedError()
    if (parsed?.signal?.aborted === true) throw cancelledError(parsed.signal)
    return parsed
  }
  // No async function: an answer that is at hand is waited for once, by who asked.
  const check = (given: Question<Permission>, options?: CallOptions): Promise<Decision> => {
    try {
      const question = parseQuestion(given)
      const call = optionsOf(options)
      const decision = asker.peek?.(question, call)
      return decision === undefined ? asker.check(question, call) : Promise.resolve(decision)
    } catch (fault) {
      return Promise.reject(fault)
    }
  }
  const enforce = async (given: Question<Permission>, options?: CallOptions): Promise<Decision> => {
    const question = parseQuestion(given) as Question<Permission>
    const decision = await check(question, options)
    if (decision.allowed !== true) throw new DeniedError(question, decision)
    return decision
  }
  const checkAll = async (given: readonly Question<Permission>[], options?: CallOptions): Promise<readonly Decision[]> => {
    const questions = parseQuestions(given)
    const call = optionsOf(options)
    if (questions.length === 0) return []
    return decided(await asker.checkAll(questions, call), questions.length)
  }
  const listPermissions = async (
    subject: { readonly user: string; readonly tenant: string },
    options?: CallOptions,
  ): Promise<PermissionList> => {
    const names = parseNames(subject)
    return await asker.listPermissions(names, optionsOf(options))
  }
  return {
    check,
    can: async (question, options) => (await check(question, options)).allowed === true,
    enforce,
    checkAll,
    listPermissions,
    for: (subject) => boundClient({ check, enforce, checkAll, listPermissions }, parseSubject(subject)),
    close() {
      closing ??= asker.close()
      return closing
    },
  }
}

type Asking<Permission extends string> = Pick<Client<Permission>, 'check' | 'enforce' | 'checkAll' | 'listPermissions'>

function boundClient<Permission extends string>(client: Asking<Permission>, subject: Subject): BoundClient<Permission> {
  const questionOf = (permission: Permission, resource: Resource | undefined): Question<Permission> =>
    resource === undefined ? { ...subject, permission } : { ...subject, permission, resource }
  return {
    subject,
    check: (permission, resource, options) => client.check(questionOf(permission, resource), options),
    can: async (permission, resource, options) => (await client.check(questionOf(permission, resource), options)).allowed === true,
    enforce: (permission, resource, options) => client.enforce(questionOf(permission, resource), options),
    checkAll: async (wanted, options) => await client.checkAll(parseWanted<Permission>(wanted, subject), options),
    listPermissions: async (options) => await client.listPermissions(parseNames(subject), options),
  }
}

/** One that could not be decided leaves the whole undecided. */
function decided(results: readonly (Decision | CastellanError)[], count: number): readonly Decision[] {
  if (results.length !== count) throw new UnavailableError('What answered is no decision; nothing was decided.', { code: 'bad_answer' })
  return results.map((result) => {
    if (result instanceof CastellanError) throw result
    return result
  })
}

export function closedError(): UnavailableError {
  return new UnavailableError('This client is closed; nothing was decided.', { code: 'closed' })
}

export function cancelledError(signal: AbortSignal): UnavailableError {
  return new UnavailableError('Whoever asked waits no more; nothing was decided.', { code: 'cancelled', cause: signal.reason })
}
