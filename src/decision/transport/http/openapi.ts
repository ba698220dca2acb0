/** The API description (OpenAPI 3.1), made from the table of routes. Floor 5. */
import { z } from 'zod'
import { ERROR_TABLE } from '../../../wire/error-table.ts'
import { takesBody } from '../../../wire/http/plain-request.ts'
import * as answers from './answer-schemas.ts'
import { BODIES, FIELDS } from './examples.ts'
import { otherFields, pathFields, type Route } from './route.ts'
import { ROUTES } from './routes.ts'
import { LINES_TYPE } from './serve-plan.ts'
import { EVENTS_TYPE } from './serve-watch.ts'

type Json = Record<string, unknown>

/** Schemas that stand in many answers, by the name under which the description shows them. */
const NAMED = {
  Decision: answers.decision,
  Problem: answers.problem,
  Tenant: answers.tenant,
  User: answers.user,
  Assignment: answers.assignment,
  Caller: answers.caller,
}

export function openApiDocument(version: string): Json {
  const registry = z.registry<{ id: string }>()
  for (const [id, schema] of Object.entries(NAMED)) registry.add(schema, { id })
  const { schemas } = z.toJSONSchema(registry, { uri: (id) => `#/components/schemas/${id}`, io: 'output' })
  const paths: Record<string, Json> = {}
  for (const route of ROUTES) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operationOf(route) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Castellan',
      version,
      description: 'Answers who may do what, and changes it. A deny is 200 with `allowed: false`; an error means that nothing was decided.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{ callerKey: [] }],
    tags: [{ name: 'decisions' }, { name: 'administration' }],
    paths,
    components: {
      schemas: Object.fromEntries(Object.entries(schemas).map(([id, schema]) => [id, embedded(schema)])),
      securitySchemes: { callerKey: { type: 'http', scheme: 'bearer', description: 'A caller key, made by `castellan caller create`.' } },
      responses: {
        Problem: { description: problemDescription(), content: { 'application/problem+json': { schema: reference('Problem') } } },
      },
    },
  }
}

function operationOf(route: Route): Json {
  const wire = jsonSchema(route.request, 'input')
  const properties = (wire['properties'] ?? {}) as Record<string, Json>
  const required = (wire['required'] ?? []) as string[]
  const parameter = (name: string, place: 'path' | 'query') => {
    const { description, ...schema } = shown(name, properties[name] ?? {})
    return {
      name,
      in: place,
      required: place === 'path' || required.includes(name),
      ...(description === undefined ? {} : { description }),
      schema,
    }
  }
  const inPath = pathFields(route).map((name) => parameter(name, 'path'))
  const others = otherFields(route)
  const success = {
    description: answeredDescription(route),
    content: { [contentTypeOf(route)]: { schema: responseOf(route) } },
  }
  return {
    operationId: route.operation,
    summary: route.summary,
    description: `Needs a caller key with the scope ${route.scopes.map((scope) => `\`${scope}\``).join(' or ')}.`,
    tags: [route.scopes.includes('decide') ? 'decisions' : 'administration'],
    parameters: [...inPath, ...(takesBody(route) ? [] : others.map((name) => parameter(name, 'query'))), REQUEST_ID],
    ...(takesBody(route) ? { requestBody: bodyOf(route, wire, others) } : {}),
    responses: {
      '200': success,
      ...(route.creates === true ? { '201': { ...success, description: 'Came into being.' } } : {}),
      ...(route.etag === true ? { '304': { description: 'As it was: `If-None-Match` names the present `ETag`.' } } : {}),
      default: { $ref: '#/components/responses/Problem' },
    },
  }
}

function contentTypeOf({ operation }: Route): string {
  if (operation === 'PlanPolicy') return LINES_TYPE
  return operation === 'WatchDecisions' ? EVENTS_TYPE : 'application/json'
}

function answeredDescription(route: Route): string {
  if (route.operation === 'WatchDecisions')
    return 'Events without end; `data` is of this schema: `decision`, its `id` the decision id; `lost`; `heartbeat`, first and whenever nothing happened; a last `error`. Nothing is replayed.'
  if (route.operation === 'PlanPolicy')
    return 'One event a line, of this schema. Only a last line `end` completes a plan; a last line `error` says why it ended before.'
  return route.etag === true ? 'Answered; `ETag` is weak.' : 'Answered.'
}

const REQUEST_ID = {
  name: 'X-Request-ID',
  in: 'header',
  required: false,
  description: 'Echoed, and kept with audit records; absent: a new one.',
  schema: { type: 'string', maxLength: 128 },
}

function bodyOf(route: Route, wire: Json, names: readonly string[]): Json {
  const properties = Object.fromEntries(
    names.map((name) => [name, shown(name, ((wire['properties'] ?? {}) as Record<string, Json>)[name] ?? {})]),
  )
  const required = ((wire['required'] ?? []) as string[]).filter((name) => names.includes(name))
  const example = BODIES[route.operation]
  return {
    required: route.bodyOptional !== true,
    content: {
      'application/json': {
        schema: {
          type: 'object',
          properties,
          ...(required.length === 0 ? {} : { required }),
          ...(wire['anyOf'] === undefined ? {} : { anyOf: wire['anyOf'] }),
          additionalProperties: false,
        },
        ...(example === undefined ? {} : { example }),
      },
    },
  }
}

/** A field of a request, and what is inside it, as the description shows it. */
function shown(name: string, schema: Json): Json {
  const { properties, items } = schema as { properties?: Record<string, Json>; items?: Json }
  return {
    ...schema,
    ...FIELDS[name],
    // An item of `tenants` is a tenant.
    ...(items === undefined ? {} : { items: shown(name.replace(/s$/, ''), items) }),
    ...(properties === undefined
      ? {}
      : { properties: Object.fromEntries(Object.entries(properties).map(([inner, value]) => [inner, shown(inner, value)])) }),
  }
}

function responseOf(route: Route): Json {
  const named = Object.entries(NAMED).find(([, schema]) => schema === route.response)?.[0]
  return named === undefined ? jsonSchema(route.response, 'output') : reference(named)
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Json {
  return embedded(z.toJSONSchema(schema, { io, unrepresentable: 'any' }))
}

/** A schema inside a document: which dialect it is in is said by the document. */
function embedded(schema: object): Json {
  const { $schema: _schema, $id: _id, ...rest } = schema as Json
  return rest
}

function reference(name: string): Json {
  return { $ref: `#/components/schemas/${name}` }
}

function problemDescription(): string {
  return `Nothing was decided. Codes: ${Object.entries(ERROR_TABLE)
    .map(([code, row]) => `\`${code}\` (${row.http})`)
    .join(', ')}.`
}
