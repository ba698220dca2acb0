/** Requests for policies on their way into force: plain objects of either wire → the model's inputs. What the files say is not read here. Floor 5. */
import { z } from 'zod'
import { RequestError } from '../../model/error-code.ts'
import { TEXT_CHARACTERS_MAX } from '../../model/limits.ts'
import { POLICY_FILES_MAX, REVISION_ORIGIN_CHARACTERS_MAX, REVISION_PREFIX_CHARACTERS_MIN } from '../../model/policy-limits.ts'
import type { Candidate } from '../../model/policy-release.ts'
import { textFault } from '../../wire/attributes.ts'
import { idSchema, instantSchema, storedTextSchema } from '../../wire/scalars.ts'
import { parseWith } from '../../wire/violations.ts'

type Plain = Readonly<Record<string, unknown>>

/** A string held to `fault`, which says what is wrong or `undefined`. */
function text(fault: (value: string) => string | undefined) {
  return z.string().check((context) => {
    const message = fault(context.value)
    if (message !== undefined) context.issues.push({ code: 'custom', message, input: context.value })
  })
}

/** Characters of a file's name: as a path it is shown in every fault. */
const FILE_NAME_CHARACTERS_MAX = 256
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const REFUSED_IN_NAME = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\\]/

function fileNameFault(name: string): string | undefined {
  if (name === '') return 'is required'
  if (name.length > FILE_NAME_CHARACTERS_MAX) return `must be at most ${FILE_NAME_CHARACTERS_MAX} characters`
  if (textFault(name) !== undefined || REFUSED_IN_NAME.test(name))
    return 'must be well-formed Unicode without control characters and backslashes'
  if (name.split('/').some((step) => step === '' || step === '.' || step === '..'))
    return 'must be a path below the folder of the policy, such as "roles/sales.yaml": no leading slash, no "." and no ".."'
  return /\.(yaml|yml|json)$/.test(name) ? undefined : 'must end in .yaml, .yml or .json'
}

const fileSchema = z.strictObject({
  name: text(fileNameFault).meta({ description: 'Path below the folder of the policy, with slashes; ends in .yaml, .yml or .json.' }),
  // Whatever else is wrong with it is a fault of the policy, which names its line.
  text: text(textFault),
})

const filesSchema = z
  .array(fileSchema)
  .min(1)
  .max(POLICY_FILES_MAX)
  .check((context) => {
    const seen = new Set<string>()
    context.value.forEach(({ name }, index) => {
      if (seen.has(name)) context.issues.push({ code: 'custom', message: 'is given twice', path: [index, 'name'], input: name })
      seen.add(name)
    })
  })
  .meta({ description: 'All files of the policy, as their authors wrote them.' })

const REVISION = new RegExp(`^[0-9a-f]{${REVISION_PREFIX_CHARACTERS_MIN},64}$`)
const revisionSchema = text((value) =>
  value === 'active' || REVISION.test(value)
    ? undefined
    : `must be a revision, its first ${REVISION_PREFIX_CHARACTERS_MIN} digits (0-9, a-f) or more, or "active"`,
).meta({ description: `Whole, or its first ${REVISION_PREFIX_CHARACTERS_MIN} digits or more when only one begins so, or \`active\`.` })

const originSchema = text((value) => {
  if (value.length > REVISION_ORIGIN_CHARACTERS_MAX) return `must be at most ${REVISION_ORIGIN_CHARACTERS_MAX} characters`
  return textFault(value)
})

/** The change is answered when it is in force everywhere, or is in force nowhere yet: there is nothing to wait for or not. */
const reason = storedTextSchema.exactOptional().meta({ description: 'Why; kept in the audit log.' })

export const publishPolicySchema = z.strictObject({
  files: filesSchema,
  author: originSchema.exactOptional().meta({ description: 'Who wrote it; kept with the revision.' }),
  message: storedTextSchema.exactOptional().meta({ description: `What it is for, in at most ${TEXT_CHARACTERS_MAX} characters.` }),
  sourceCommit: originSchema.exactOptional().meta({ description: 'The commit that it was made from.' }),
  reason,
})
export const getPolicyRevisionSchema = z.strictObject({ revision: revisionSchema })
export const activatePolicySchema = z.strictObject({
  revision: revisionSchema,
  at: instantSchema.exactOptional().meta({ description: 'RFC 3339 with an offset. Absent: now. A time that is over is refused.' }),
  reason,
})
export const rollbackPolicySchema = z.strictObject({
  to: revisionSchema.exactOptional().meta({ description: 'Absent: what was in force before the present one took force first.' }),
  from: revisionSchema.exactOptional().meta({ description: 'What is to end: when another one is in force nothing is done (conflict).' }),
  reason,
})
export const cancelScheduledSchema = z.strictObject({ id: idSchema, reason })

export const planPolicySchema = z
  .strictObject({
    files: filesSchema.exactOptional(),
    revision: revisionSchema.exactOptional(),
    people: z
      .boolean({ error: () => 'must be true or false' })
      .exactOptional()
      .meta({
        description: 'Whether to name users and tenants; needs the scope `administer` or `audit`.',
      }),
  })
  .meta({ anyOf: [{ required: ['files'] }, { required: ['revision'] }] })

/** @throws RequestError unless it names exactly one candidate */
export function parsePlan(plain: Plain): { readonly candidate: Candidate; readonly people: boolean } {
  const { files, revision, people } = parseWith(planPolicySchema, plain)
  if (files !== undefined && revision !== undefined)
    throw new RequestError([{ field: 'revision', message: 'must not be named beside files' }])
  if (files !== undefined) return { candidate: { files }, people: people === true }
  if (revision !== undefined) return { candidate: { revision }, people: people === true }
  throw new RequestError([{ field: 'files', message: 'is required, unless revision names a stored policy' }])
}
