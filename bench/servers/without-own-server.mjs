/**
 * Loaded before the service (`node --import`): gives every HTTP/2 server a second listener that does nothing, so that the service does not know
 * the server of grpc-js again and falls back to grpc-js's own way. For measuring that way only.
 */
import http2 from 'node:http2'

const createServer = http2.createServer
http2.createServer = (...settings) => createServer(...settings).on('stream', () => undefined)
