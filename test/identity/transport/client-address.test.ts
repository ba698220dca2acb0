/** Whose address counts: the socket's, or what the outermost trusted proxy saw; never what a visitor writes. */
import type { IncomingMessage } from 'node:http'
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { clientAddress } from '../../../src/identity/transport/client-address.ts'

function asked(forwarded: string | undefined, remoteAddress = '192.0.2.1'): IncomingMessage {
  const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded }
  return { headers, socket: { remoteAddress } } as unknown as IncomingMessage
}

describe('the network address of a visitor', () => {
  it.each([
    ['no header', undefined, 0, '192.0.2.1'],
    ['a forged header, no proxy', '203.0.113.9', 0, '192.0.2.1'],
    ['one proxy', '203.0.113.9', 1, '203.0.113.9'],
    ['one proxy behind which somebody forged more', '10.0.0.1, 127.0.0.1,203.0.113.9', 1, '203.0.113.9'],
    ['two proxies', '10.9.9.9, 203.0.113.9, 198.51.100.7', 2, '203.0.113.9'],
    ['fewer entries than proxies', '203.0.113.9', 2, '192.0.2.1'],
    ['an entry that is no address', 'unknown', 1, '192.0.2.1'],
    ['an obfuscated entry', '203.0.113.9, _hidden', 1, '192.0.2.1'],
    ['an empty entry', '203.0.113.9,', 1, '192.0.2.1'],
    ['an empty header', '', 1, '192.0.2.1'],
    ['rubbish to the left, which anybody may write', '<script>,,;x, 203.0.113.9', 1, '203.0.113.9'],
    ['an address with its port', '203.0.113.9:4711', 1, '203.0.113.9'],
    ['IPv6 in brackets, with its port', '[2001:DB8::1]:4711', 1, '2001:db8::1'],
    ['IPv6', '2001:db8::1', 1, '2001:db8::1'],
    ['IPv6 with a zone', 'fe80::1%eth0', 1, 'fe80::1'],
    ['IPv4 in the clothes of IPv6', '::ffff:203.0.113.9', 1, '203.0.113.9'],
    ['two addresses in one entry', '203.0.113.9 198.51.100.7', 1, '192.0.2.1'],
  ])('is found with %s', (_name, header, hops, expected) => {
    expect(clientAddress(asked(header), hops)).toBe(expected)
  })

  it('is the socket’s in one spelling', () => {
    expect(clientAddress(asked(undefined, '::ffff:192.0.2.1'), 0)).toBe('192.0.2.1')
  })

  it('does not depend on anything left of the entry that the outermost trusted proxy wrote', () => {
    const proxies = fc.array(fc.ipV4(), { minLength: 1, maxLength: 3 })
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), proxies, (forged, written) => {
        const header = `${forged},${written.join(', ')}`
        expect(clientAddress(asked(header), written.length)).toBe(written[0])
      }),
    )
  })
})
