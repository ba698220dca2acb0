/** Bounds the requests under way over both wires; refuses early rather than queue. Knows nothing of what is asked. Floor 4. */
import { ServiceError } from '../model/error-code.ts'
import { REQUESTS_IN_FLIGHT_MAX } from '../model/limits.ts'

export interface Admission {
  /** Takes a place. @throws ServiceError `overloaded` when there is none */
  enter(): void
  /** Gives a place back; once for each `enter` that did not throw. */
  leave(): void
  inFlight(): number
}

export function openAdmission(inFlightMax: number = REQUESTS_IN_FLIGHT_MAX): Admission {
  let inFlight = 0
  return {
    enter() {
      if (inFlight >= inFlightMax) {
        throw new ServiceError('overloaded', 'Too many requests are under way.', {
          hint: 'Nothing was decided or changed; try again a little later.',
          retryAfterSeconds: 1,
        })
      }
      inFlight += 1
    },
    leave() {
      inFlight -= 1
    },
    inFlight: () => inFlight,
  }
}
