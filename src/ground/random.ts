/** Randomness as an argument, so that tests can fix it. Floor 0. */
import { randomBytes, randomUUID } from 'node:crypto'

export interface Random {
  /** A fresh RFC 9562 version 4 UUID, lower case. */
  uuid(): string
  /** `length` bytes from the system's CSPRNG. */
  bytes(length: number): Uint8Array
}

export const systemRandom: Random = {
  uuid: () => randomUUID(),
  bytes: (length) => randomBytes(length),
}
