/** The contract of people who log in, on every implementation of the store. */
import { challengeContract, mailContract, sessionContract } from '../contract/identity.contract.ts'
import { clientContract, keyContract, revocationContract } from '../contract/identity-kept.contract.ts'
import { describeEachStore } from '../support/stores.ts'

describeEachStore('the store of logins', (current) => {
  challengeContract(current)
  mailContract(current)
  sessionContract(current)
  clientContract(current)
  keyContract(current)
  revocationContract(current)
})
