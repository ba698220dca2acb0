/** The position that a caller asks an answer to be of, at least (freshness, F3). Floor 3. */
import { ServiceError } from '../model/error-code.ts'

export function reaches(position: number, minPosition: number | undefined): boolean {
  return minPosition === undefined || position >= minPosition
}

export function positionNotReached(position: number, minPosition: number | undefined): ServiceError {
  return new ServiceError('position_not_reached', `The feed is at position ${position}, before the ${minPosition} that was asked for.`, {
    hint: 'Use a position that an answer of this service gave; try again if it was given moments ago.',
    retryAfterSeconds: 1,
  })
}
