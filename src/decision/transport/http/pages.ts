/** The API page: Swagger UI from our own package, under a policy that lets nothing else in. Floor 5. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../../../ground/package-root.ts'

export interface Asset {
  readonly contentType: string
  readonly body: Buffer
}

/** By path. Without the built files only the description itself is served. */
export function apiPage(): ReadonlyMap<string, Asset> {
  const folder = join(packageRoot(), 'dist', 'api-page')
  try {
    const html = { contentType: 'text/html; charset=utf-8', body: Buffer.from(HTML) }
    return new Map([
      ['/docs', html],
      ['/docs/', html],
      ['/docs/start.js', { contentType: 'text/javascript; charset=utf-8', body: Buffer.from(START) }],
      ['/docs/swagger-ui.css', { contentType: 'text/css; charset=utf-8', body: readFileSync(join(folder, 'swagger-ui.css')) }],
      [
        '/docs/swagger-ui-bundle.js',
        { contentType: 'text/javascript; charset=utf-8', body: readFileSync(join(folder, 'swagger-ui-bundle.js')) },
      ],
    ])
  } catch {
    return new Map()
  }
}

const HTML = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Castellan API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<main id="api"></main>
<noscript>The description of this API is at <a href="/openapi.json">/openapi.json</a>.</noscript>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`

// validatorUrl off and no persistence: the description goes to nobody, and a key typed in is forgotten with the page.
const START = `SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#api',
  deepLinking: true,
  validatorUrl: null,
  persistAuthorization: false,
  presets: [SwaggerUIBundle.presets.apis],
})
`
