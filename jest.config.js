/** ESM TypeScript through swc; run with `node --experimental-vm-modules` (see the `jest` script). */
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  // One PostgreSQL for the whole run, started by the first suite that asks for it.
  globalSetup: '<rootDir>/test/support/global-setup.ts',
  globalTeardown: '<rootDir>/test/support/global-teardown.ts',
  extensionsToTreatAsEsm: ['.ts'],
  // The examples import us as applications do; here that is the source, so that no build is older than what is tested.
  moduleNameMapper: {
    '^castellan/client$': '<rootDir>/src/client/exports/client.ts',
    '^castellan/client/(.*)$': '<rootDir>/src/client/exports/$1.ts',
  },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'es6' }, sourceMaps: 'inline' },
    ],
  },
  // A busy machine is slow, not wrong.
  testTimeout: 240_000,
  maxWorkers: 2,
}
