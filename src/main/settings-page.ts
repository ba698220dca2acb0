/** The text of docs/settings.md, written from the descriptions of the settings. Floor 6. */
import { settingsMarkdown } from '../ground/settings-page.ts'
import { settingTable } from './setting-table.ts'

export function settingsPage(): string {
  return `# Settings

Environment variables, each read once when a command starts. All faults are told together, and an unknown name that begins with
\`CASTELLAN_\` is a fault. A secret can also come from a file: set its name with \`_FILE\` to the path. An empty variable counts as absent.
This page is written by \`npm run generate\`.

${settingsMarkdown(settingTable)}
## Traces

Traces are asked for by the variables of OpenTelemetry, which are not settings of Castellan. Without them nothing of OpenTelemetry's SDK is loaded. The SDK also
reads others of them itself: headers, time limits, compression, the size of its batches
([specification](https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/)).

| Variable | Meaning | Default |
|---|---|---|
| \`OTEL_EXPORTER_OTLP_ENDPOINT\` | Collector that takes OTLP over HTTP (as JSON); \`/v1/traces\` is put behind it. It switches traces on. | \`http://localhost:4318\` |
| \`OTEL_EXPORTER_OTLP_TRACES_ENDPOINT\` | The whole address, in its place. It switches traces on. | — |
| \`OTEL_TRACES_EXPORTER\` | \`otlp\` switches traces on, \`none\` off. | — |
| \`OTEL_SDK_DISABLED\` | \`true\` switches traces off, whatever else is set. | \`false\` |
| \`OTEL_TRACES_SAMPLER\` | \`always_on\`, \`always_off\` or \`traceidratio\`, each also with \`parentbased_\` before it: then a call is traced when its caller's is. | \`parentbased_always_on\` |
| \`OTEL_TRACES_SAMPLER_ARG\` | Share of traces for \`traceidratio\`, 0 to 1. | \`1\` |
| \`OTEL_SERVICE_NAME\` | \`service.name\` of this process. | \`castellan\` |
| \`OTEL_RESOURCE_ATTRIBUTES\` | Others of its attributes, \`key=value\`, separated by commas. | — |

\`castellan dev\` also refuses to start with \`NODE_ENV=production\`. Behind a private authority, the command line trusts what
Node is told by \`NODE_EXTRA_CA_CERTS\`. \`NO_COLOR\` switches colours off.
`
}
