/** The login as its wire sees it: asked for, looked at, answered. Floor 5. */
import type { LoginService } from '../ports.ts'
import { type PeekNeeds, peekLogin } from './peek.ts'
import { type StartNeeds, startLogin } from './start.ts'
import { type VerifyNeeds, verifyLogin } from './verify.ts'

export type LoginNeeds = StartNeeds & PeekNeeds & VerifyNeeds

export function openLogin(needs: LoginNeeds): LoginService {
  return {
    start: (input, visitor) => startLogin(needs, input, visitor),
    peek: (token, visitor) => peekLogin(needs, token, visitor),
    verify: (answer, choice, visitor) => verifyLogin(needs, answer, choice, visitor),
  }
}
