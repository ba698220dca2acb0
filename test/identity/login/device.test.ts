/** A device is told in words of ours, whatever a visitor says of it. */
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { cutAgent, describeDevice } from '../../../src/identity/login/device.ts'
import { USER_AGENT_CHARACTERS_MAX } from '../../../src/model/identity-limits.ts'

describe('a device', () => {
  it.each([
    ['Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36', 'Chrome, Windows'],
    [
      'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0',
      'Edge, Windows',
    ],
    ['Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15', 'Safari, macOS'],
    [
      'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1',
      'Safari, iPhone',
    ],
    [
      'Mozilla/5.0 (Linux; Android 14; SM-S921B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/25.0 Chrome/121.0 Mobile Safari/537.36',
      'Samsung Internet, Android',
    ],
    ['Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0', 'Firefox, Linux'],
    ['curl/8.5.0', 'curl'],
  ])('%s is told as %s', (agent, words) => expect(describeDevice(agent)).toBe(words))

  it('that is not known is not told', () => {
    for (const agent of [null, '', 'Thing/1.0', 'Click https://evil.example to keep your account'])
      expect(describeDevice(agent)).toBeUndefined()
  })

  it('is never told in its own words', () => {
    fc.assert(fc.property(fc.string(), (text) => /^[A-Za-z ,]*$/.test(describeDevice(`${text} Firefox/1`) ?? '')))
  })

  it('is kept as text that a database takes, cut to its beginning', () => {
    expect(cutAgent(undefined)).toBeNull()
    expect(cutAgent('\0\r\n')).toBeNull()
    expect(cutAgent(`a\0b\r\nc`)).toBe('abc')
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 600 }), (text) => {
        const kept = cutAgent(text) ?? ''
        return kept.isWellFormed() && !kept.includes('\0') && [...kept].length <= USER_AGENT_CHARACTERS_MAX
      }),
    )
  })
})
