/** The pages of `castellan dev` are for who asks by the address of this service: not for a page whose name was turned to this machine. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { ask, get, type IdentityWires, openIdentityWires } from './identity-wires.ts'

let wires: IdentityWires
beforeAll(async () => {
  wires = await openIdentityWires()
  await ask(wires)
})
afterAll(() => wires.close())

describe('development pages', () => {
  it.each(['/dev/mailbox', '/dev/mailbox?format=json', '/dev/mailbox/{id}', '/dev/app'])('%s', async (page) => {
    const [mail] = await wires.mails()
    const path = page.replace('{id}', mail?.id ?? '')
    const { host } = new URL(wires.issuer)
    expect((await get(wires, path)).status).toBe(200)
    expect((await get(wires, path, { host: host.toUpperCase() })).status).toBe(200)
    for (const other of [`evil.example:${wires.port}`, 'evil.example', '127.0.0.1', `localhost:${wires.port}`, `${host}.evil.example`]) {
      const answer = await get(wires, path, { host: other, 'x-forwarded-host': host })
      expect(answer).toMatchObject({ status: 403, json: { code: 'permission_denied' } })
      expect(answer.text).not.toMatch(/verify#|bob@/)
    }
  })
})
