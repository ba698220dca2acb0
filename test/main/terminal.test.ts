/** Text from outside reaches a terminal as something to read, whatever it holds. */
import { describe, expect, it } from '@jest/globals'
import { plain } from '../../src/main/command-line/terminal.ts'

describe('plain', () => {
  it('shows what a terminal or a reader would not see for what it is', () => {
    expect(plain('a\u001b[2Jb\u009bc\u007f')).toBe('a\\u001b[2Jb\\u009bc\\u007f')
    // Turned round, ended, hidden: a name that is not what it looks like.
    expect(plain('a\u202eb\u2066c\u2028d\u2029e\u200bf\ufeffg\u00adh')).toBe('a\\u202eb\\u2066c\\u2028d\\u2029e\\u200bf\\ufeffg\\u00adh')
    expect(plain('a\u{e0041}b')).toBe('a\\u{e0041}b')
  })

  it('leaves every letter and sign of any language as it is', () => {
    const text = 'Größe 請求書 счёт فاتورة 🏢 «»–… \\u0041'
    expect(plain(text)).toBe(text)
  })
})
