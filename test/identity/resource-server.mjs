/** Services of somebody else that take our tokens, with the libraries of the field as they are; in a process of its own, as they would be. */
import { verify } from 'node:crypto'
import express from 'express'
import { auth } from 'express-oauth2-jwt-bearer'
import jwksClient from 'jwks-rsa'

const [issuer, audience] = process.argv.slice(2)
const keys = jwksClient({ jwksUri: `${issuer}/.well-known/jwks.json`, cache: true, rateLimit: true })
const app = express()

app.get('/express-oauth2-jwt-bearer', auth({ issuerBaseURL: issuer, audience, strict: true }), (request, response) => {
  response.json({ sub: request.auth.payload.sub })
})

app.get('/jwks-rsa', async (request, response) => {
  const token = request.headers.authorization.slice('Bearer '.length)
  const [header, payload, signature] = token.split('.')
  const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString())
  const found = await keys.getSigningKey(kid)
  const digest = found.alg === 'EdDSA' ? null : 'sha256'
  const key = { key: found.getPublicKey(), dsaEncoding: 'ieee-p1363' }
  const fits = verify(digest, Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, 'base64url'))
  response.status(fits ? 200 : 401).json({ sub: JSON.parse(Buffer.from(payload, 'base64url').toString()).sub })
})

app.use((fault, _request, response, _next) => {
  response.status(fault.status ?? 500).json({ fault: String(fault) })
})

const server = app.listen(0, '127.0.0.1', () => process.stdout.write(`${server.address().port}\n`))
// Whoever started it has gone when its input ends.
process.stdin.on('end', () => process.exit(0)).resume()
