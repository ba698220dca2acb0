/** `createLocal`: the service's own engine in this process, on the same policy files and on facts that a test gives. Keeps nothing. Floor 6. */
import { decide, denyToken } from '../../decision/decide.ts'
import { heldPermissions } from '../../decision/list.ts'
import { always, suggested } from '../../decision/suggest.ts'
import { AppError } from '../../ground/errors.ts'
import type { CompiledPolicy } from '../../model/compiled-policy.ts'
import { RequestError } from '../../model/error-code.ts'
import type { PolicyBundle } from '../../model/policy.ts'
import { compilePolicy } from '../../policy/compile.ts'
import { PolicyError } from '../../policy/faults.ts'
import { loadPolicy } from '../../policy/load.ts'
import { type PolicyFile, type PolicyReading, parsePolicy } from '../../policy/parse-policy.ts'
import type { Asker } from '../asking/asker.ts'
import { openClient } from '../asking/open-client.ts'
import type { CallOptions, Client, Decision, Question } from '../client.ts'
import { CastellanError, InvalidRequestError, UnavailableError } from '../errors.ts'
import { localDecision } from '../local/local-decision.ts'
import { serviceError } from '../wires/service-error.ts'
import { type Grant, LocalFacts, type TenantFacts, type UserFacts } from './local-facts.ts'
import { instantMs, type Moment, requireFields } from './parse-facts.ts'

export interface LocalSettings {
  /** A folder of policy files, or the files themselves. */
  readonly policies: string | readonly PolicyFile[]
  /** What the clock says at first; absent: the machine's own time, going on. */
  readonly now?: Moment
}

/** A client, and the facts that it answers from. A refused fact throws `InvalidRequestError`, by the rules of the service. */
export interface Local<Permission extends string = string> extends Client<Permission> {
  /** SHA-256 of the policy, as the service names it. */
  readonly policyRevision: string
  /** @returns its position, for `minPosition` */
  grant(grant: Grant): number
  revoke(grant: Pick<Grant, 'user' | 'tenant' | 'role'>): number
  putUser(user: UserFacts): number
  putTenant(tenant: TenantFacts): number
  /** @returns an access token that is good here and nowhere else; without `tenant` it is for none, and questions name theirs */
  logIn(subject: { readonly user: string; readonly tenant?: string }): string
  logOut(accessToken: string): void
  /** Stops the clock at this moment. */
  setNow(moment: Moment): void
  /** Stops the clock, this much later. */
  advance(ms: number): void
}

/** @throws InvalidRequestError `policy_invalid`, naming each fault as `file:line:column` */
export async function createLocal<Permission extends string = string>(settings: LocalSettings): Promise<Local<Permission>> {
  const policy = await translated(async () => compilePolicy(await readBundle(requireFields('settings', settings, ['policies', 'now']))))
  let fixedMs: number | undefined
  const nowMs = () => fixedMs ?? Date.now()
  const facts = new LocalFacts(policy, nowMs)
  const setNow = (moment: Moment) => {
    fixedMs = translatedNow(() => instantMs('now', moment))
  }
  if (settings.now !== undefined) setNow(settings.now)
  const client = openClient(openEngine(policy, facts)) as Client<Permission>
  return Object.assign(client, {
    policyRevision: policy.revision,
    grant: (grant: Grant) => translatedNow(() => facts.grant(grant)),
    revoke: (grant: Pick<Grant, 'user' | 'tenant' | 'role'>) => translatedNow(() => facts.revoke(grant)),
    putUser: (user: UserFacts) => translatedNow(() => facts.putUser(user)),
    putTenant: (tenant: TenantFacts) => translatedNow(() => facts.putTenant(tenant)),
    logIn: (subject: { readonly user: string; readonly tenant?: string }) => translatedNow(() => facts.logIn(subject)),
    logOut: (accessToken: string) => facts.logOut(accessToken),
    setNow,
    advance: (ms: number) => setNow(new Date(nowMs() + ms)),
  })
}

async function readBundle({ policies }: LocalSettings) {
  if (typeof policies !== 'string') return bundleOf(parsePolicy(requireFiles(policies)))
  try {
    return bundleOf(await loadPolicy(policies))
  } catch (fault) {
    if (!(fault instanceof PolicyError)) throw fault
    throw new InvalidRequestError(`The policy folder ${JSON.stringify(policies)} is refused. ${fault.message}`, {
      ...{ code: fault.code, cause: fault },
      hint: `Names of folders are read from ${process.cwd()}.`,
    })
  }
}

function bundleOf({ bundle, faults }: PolicyReading): PolicyBundle {
  if (bundle === undefined) throw new PolicyError(faults)
  return bundle
}

/** Absent or empty it would be an engine without a policy, and a folder of another type a fault far from here. */
function requireFiles(policies: unknown): readonly PolicyFile[] {
  const isFile = (file: Partial<PolicyFile> | null) => typeof file?.name === 'string' && typeof file.text === 'string'
  if (Array.isArray(policies) && policies.length > 0 && policies.every(isFile)) return policies as readonly PolicyFile[]
  const message =
    policies === undefined ? 'is required: a folder of policy files' : 'must be a folder of policy files, or a list of { name, text }'
  throw new RequestError([{ field: 'policies', message }])
}

function openEngine(policy: CompiledPolicy, facts: LocalFacts): Asker {
  const check = (asked: Question, options?: CallOptions): Decision => {
    requirePosition(facts, options)
    const found = subjectOf(facts, asked)
    if (found === undefined) return localDecision(denyToken('TOKEN_INVALID'), policy.revision, facts.position)
    const { user, tenant, standing } = found
    const question = {
      user,
      tenant,
      permission: asked.permission,
      ...(asked.resource === undefined ? {} : { resource: asked.resource }),
    }
    const verdict = suggested(policy, question, decide(policy, question, facts.stateOf(found), standing), always)
    return localDecision(verdict, policy.revision, facts.position)
  }
  return {
    check: async (question, options) => {
      const decision = decided(() => check(question, options))
      if (decision instanceof CastellanError) throw decision
      return decision
    },
    checkAll: async (questions, options) => questions.map((question) => decided(() => check(question, options))),
    listPermissions: async (subject, options) => {
      requirePosition(facts, options)
      const state = facts.stateOf(subject)
      return { ...heldPermissions(policy, subject.user, subject.tenant, state), policyRevision: policy.revision, position: facts.position }
    },
    close: async () => undefined,
  }
}

/** Whom it is about; absent: a token that proves nobody. */
function subjectOf(facts: LocalFacts, asked: Question) {
  if (asked.accessToken === undefined) {
    return { user: asked.user, tenant: asked.tenant, standing: undefined }
  }
  const login = facts.findLogin(asked.accessToken)
  if (login === undefined) return undefined
  const tenant = login.tenant ?? asked.tenant
  if (tenant === undefined) throw new RequestError([{ field: 'tenant', message: 'is required: the access token is for none' }])
  if (login.tenant !== undefined && asked.tenant !== undefined)
    throw new RequestError([{ field: 'tenant', message: 'must not be named: the access token is for one' }])
  return { user: login.user, tenant, standing: login.standing }
}

function requirePosition(facts: LocalFacts, options: CallOptions | undefined): void {
  if (options?.minPosition === undefined || options.minPosition <= facts.position) return
  throw new UnavailableError('The position asked for is not reached.', { code: 'position_not_reached' })
}

/** A refusal is in the words of a client of the service. */
function decided(decideIt: () => Decision): Decision | CastellanError {
  try {
    return decideIt()
  } catch (fault) {
    if (fault instanceof CastellanError) return fault
    if (fault instanceof RequestError) return serviceError({ code: fault.code, violations: fault.violations })
    throw fault
  }
}

function translatedNow<Value>(make: () => Value): Value {
  try {
    return make()
  } catch (fault) {
    throw refusalOf(fault)
  }
}

async function translated<Value>(make: () => Promise<Value>): Promise<Value> {
  try {
    return await make()
  } catch (fault) {
    throw refusalOf(fault)
  }
}

/** A refusal as the client says it; what is no refusal is a fault of ours and goes on as it is. */
function refusalOf(fault: unknown): CastellanError {
  if (fault instanceof CastellanError) return fault
  if (!(fault instanceof AppError)) throw fault
  const { code, hint, violations } = fault
  // Where the test's own words are at fault nothing is to be kept from it.
  return new InvalidRequestError(fault.message, { code, violations, ...(hint === undefined ? {} : { hint }) })
}
