import { describe, expect, it } from '@jest/globals'
import { AppError } from '../../src/ground/errors.ts'
import { StoreError } from '../../src/model/error-code.ts'
import { errorMessage } from '../../src/wire/error-message.ts'
import { ERROR_TABLE, errorTableMarkdown, knownError } from '../../src/wire/error-table.ts'

describe('the error table', () => {
  it('says nothing of what failed inside, to anybody', () => {
    const secrets = [
      new Error('password=hunter2'),
      'password=hunter2',
      { code: 'request_invalid', publicMessage: 'hunter2' },
      null,
      undefined,
    ]
    secrets.push(new AppError('toString', 'hunter2', 'hunter2'), new AppError('database_ahead', 'hunter2', 'hunter2'))
    for (const fault of secrets) {
      const known = knownError(fault)
      expect(known).toMatchObject({ code: 'internal', unexpected: true })
      expect(known.error.cause).toBe(fault)
      expect(JSON.stringify(errorMessage(fault))).not.toContain('hunter2')
    }
    expect(JSON.stringify(errorMessage(new StoreError('select secret', new Error('10.0.0.1'))))).not.toMatch(/secret|10\.0/)
  })

  it('has a line of documentation for every code', () => {
    const lines = errorTableMarkdown().trimEnd().split('\n')
    expect(lines).toHaveLength(Object.keys(ERROR_TABLE).length + 2)
    expect(lines).toContain('| `overloaded` | 429 | `RESOURCE_EXHAUSTED` | Too many requests are under way |')
  })
})
