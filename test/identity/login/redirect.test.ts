/** Only an exact address that a browser cannot read in another way is registered, and only that one is returned to. */
import { describe, expect, it } from '@jest/globals'
import { isRegistered, redirectFault } from '../../../src/identity/login/redirect.ts'

describe('an application may register', () => {
  it.each([
    'https://app.example/signed-in',
    'https://app.example',
    'https://app.example/',
    'https://app.example:8443/a?b=c&d=%20e',
    'https://xn--exmple-cua.example/in',
    'http://127.0.0.1:3000/dev/app',
    'http://localhost/in',
    'http://[::1]:3000/in',
    'com.example.app:/signed-in',
    'com.example.app://signed-in',
  ])('%s', (uri) => expect(redirectFault(uri)).toBeUndefined())
})

describe('an application may not register', () => {
  it.each([
    ['', 'nothing'],
    ['/in', 'a path'],
    ['//evil.example', 'an address without a scheme'],
    ['/\\evil.example', 'a backslash'],
    ['https:/\\evil.example/in', 'a backslash for a slash'],
    ['https:\\\\evil.example/in', 'backslashes for slashes'],
    ['https:/app.example/in', 'one slash'],
    ['https:app.example/in', 'no slash'],
    ['https://app.example/in#part', 'a fragment'],
    ['https://app.example/in#', 'an empty fragment'],
    ['https://*.example/in', 'a wildcard'],
    ['https://app.example/*', 'a wildcard in the path'],
    ['https://user@app.example/in', 'a user'],
    ['https://app.example@evil.example/in', 'another host behind a user'],
    ['https://user:word@app.example/in', 'a password'],
    ['https://app.example/in\r\nSet-Cookie: a=b', 'a line break'],
    ['https://app.example/in\t', 'a tab'],
    [' https://app.example/in', 'a space before it'],
    ['https://app.example/"><script>', 'markup'],
    ['https://exämple.example/in', 'another script'],
    ['https://аpp.example/in', 'a letter that looks like an a'],
    ['HTTPS://app.example/in', 'a scheme in capitals'],
    ['https://APP.example/in', 'a host in capitals'],
    ['https://app.example:443/in', 'the usual port'],
    ['https://app.example/a/../in', 'steps up'],
    ['https://app.example/%2e%2e/in', 'hidden steps up'],
    ['http://app.example/in', 'http beyond this machine'],
    ['http://127.0.0.1.evil.example/in', 'a host that begins like loopback'],
    ['http://localhost.evil.example/in', 'a host that begins like localhost'],
    ['http://2130706433/in', 'loopback as a number'],
    ['javascript:alert(1)', 'a script'],
    ['data:text/html,x', 'data'],
    ['file:///etc/passwd', 'a file'],
    ['app:/in', 'a scheme that is nobody’s'],
    [`https://app.example/${'a'.repeat(2_048)}`, 'more than can be carried'],
  ])('%j: %s', (uri) => expect(typeof redirectFault(uri)).toBe('string'))
})

it('is compared as a whole', () => {
  const registered = ['https://app.example/in']
  expect(isRegistered(registered, 'https://app.example/in')).toBe(true)
  for (const near of [
    'https://app.example/in/',
    'https://app.example/IN',
    'https://app.example/in?',
    'https://app.example/i',
    'HTTPS://app.example/in',
  ])
    expect(isRegistered(registered, near)).toBe(false)
})
