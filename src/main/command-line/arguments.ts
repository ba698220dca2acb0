/** What several commands take alike, checked before a service is asked. Floor 6. */
import { InvalidArgumentError } from 'commander'
import { REVISION_PREFIX_CHARACTERS_MIN } from '../../model/policy-limits.ts'

const REVISION = new RegExp(`^[0-9a-f]{${REVISION_PREFIX_CHARACTERS_MIN},64}$`)
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** A reason is read when it matters, by somebody who was not there. */
export function parseReason(text: string): string {
  if (text.trim() === '') throw new InvalidArgumentError('It is empty: say why, for whoever reads the audit.')
  return text
}

export function parseRevision(text: string): string {
  if (!REVISION.test(text))
    throw new InvalidArgumentError(
      `It must be a revision, or its first ${REVISION_PREFIX_CHARACTERS_MIN} hex digits and more: castellan policy revisions lists them.`,
    )
  return text
}

export function isUuid(text: string): boolean {
  return UUID.test(text)
}

export function parseScheduledId(text: string): string {
  if (!isUuid(text))
    throw new InvalidArgumentError('It must be the id of an activation that waits for its time: castellan policy schedule lists them.')
  return text
}
