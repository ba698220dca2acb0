/** The boundaries of the house (README, "The house"): imports only go down, and each npm package has one home. */
const floors = [
  ['ground'],
  ['model'],
  ['policy', 'store', 'cache', 'token'],
  ['access'],
  ['wire'],
  ['decision', 'identity'],
  ['main', 'client'],
]
const homes = {
  '@casl/ability': '^src/policy/ability\\.ts$',
  yaml: '^src/policy/parse\\.ts$',
  knex: '^src/store/|^migrations/',
  pg: '^src/store/',
  '@electric-sql/pglite': '^src/store/',
  '@grpc/grpc-js': '^src/(decision/transport|client/wires|client/guard)/',
  '@grpc/proto-loader': '^src/(decision/transport|client/wires)/',
  '@grpc/reflection': '^src/decision/transport/',
  'grpc-health-check': '^src/decision/transport/',
  express: '^src/(wire/http|decision/transport|identity/transport)/',
  helmet: '^src/(decision|identity)/transport/',
  commander: '^src/main/',
  pino: '^src/ground/log\\.ts$',
  'prom-client': '^src/ground/metrics\\.ts$',
  '@opentelemetry/[^/]+': '^src/ground/tracing',
  redis: '^src/cache/',
  'lru-cache': '^src/(policy|cache|token)/',
  // Reads what is not trusted, on each floor where such a thing comes in: settings, policy files, requests.
  zod: '^src/(ground/settings\\.ts$|main/(?:setting-forms|(?:client|decision-log|identity|service)-settings)\\.ts$|policy/|wire/|decision/|identity/)',
  jose: '^src/(token|client/guard)/',
  '@nestjs/common': '^src/client/guard/',
  nodemailer: '^src/identity/mail/',
}

const upward = floors.flatMap((floor, index) =>
  floor.map((folder) => {
    const forbidden = floors
      .slice(index)
      .flat()
      .filter((other) => other !== folder)
    return {
      name: `${folder}-imports-only-down`,
      comment: 'A floor may import what lies below it, never its neighbours or what lies above.',
      severity: 'error',
      from: { path: `^src/${folder}/` },
      to: { path: `^src/(${forbidden.join('|') || 'none'})/` },
    }
  }),
)

module.exports = {
  forbidden: [
    ...upward,
    {
      name: 'client-takes-the-engine-only',
      comment:
        'Applications run the client: of the service it takes the words, what they may hold, the rule of deciding and the rule of freshness, and no driver.',
      severity: 'error',
      from: { path: '^src/client/' },
      to: {
        path: '^src/(store/(?!ports\\.ts$)|identity/|wire/(?!attributes\\.ts$)|decision/(?!(decide|attributes|list|suggest|translate/struct)\\.ts$)|cache/redis)',
      },
    },
    {
      name: 'http-client-without-packages',
      comment: 'An application that asks over HTTP installs nothing for it.',
      severity: 'error',
      from: { path: '^src/client/(asking/|wires/http|exports/http|client\\.ts|errors\\.ts)' },
      to: { dependencyTypes: ['npm'] },
    },
    { name: 'no-circles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'model-is-pure',
      comment: 'The words of the field need no library and no I/O.',
      severity: 'error',
      from: { path: '^src/model/' },
      to: { dependencyTypes: ['npm', 'core'] },
    },
    {
      name: 'nothing-imports-tests',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^test/' },
    },
    {
      name: 'no-unlisted-package',
      comment: 'Only what package.json lists as a dependency of the product, or asks the application for (a peer).',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown', 'unknown', 'undetermined'], dependencyTypesNot: ['npm-peer'] },
    },
    ...Object.entries(homes).map(([name, home]) => ({
      name: `one-home-for-${name}`,
      comment: 'A package is used in one place, so that it can be replaced there.',
      severity: 'error',
      from: { path: '^src/', pathNot: home },
      to: { path: `(^|/)node_modules/${name}/` },
    })),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    parser: 'swc',
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.js'],
    },
  },
}
