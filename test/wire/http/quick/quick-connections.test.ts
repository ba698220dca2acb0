/** A connection whose requests are answered before node's parser is no worse off for it, in any of its states. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { systemClock } from '../../../../src/ground/clock.ts'
import { HEADER_BYTES_MAX, QUICK_BODY_BYTES_MAX, QUICK_PATIENCE_MS } from '../../../../src/model/limits.ts'
import type { PassedOn } from '../../../../src/wire/http/quick/passed-on.ts'
import { QuickConnection } from '../../../../src/wire/http/quick/quick-connection.ts'
import { ManualClock } from '../../../support/manual-clock.ts'
import { answerOf, echo, exchange, exchangeOpen, post, quickEcho, quickServers, turns } from './conversation.ts'

const { open, servers } = quickServers()

describe('a quick connection', () => {
  test('the answers of one packet come in the order of its requests, also where the first is waited for', async () => {
    let letGo = (): void => {}
    const { server, quick, whole } = await open((head, body) => (head.path.startsWith('/quick') ? quickEcho(head, body) : undefined), {
      handle(request, response) {
        letGo = () => echo(request, response, false)
      },
    })
    const heard = exchangeOpen(server.port)
    heard.socket.write(post('/quick/1') + post('/slow/2', 'x') + post('/quick/3') + post('/quick/4'))
    await heard.until(() => whole.length === 1)
    expect(quick).toEqual(['/quick/1'])
    letGo()
    await heard.until((text) => text.split('HTTP/1.1 200').length === 5)
    expect([...heard.text().matchAll(/"path":"([^"]+)"/g)].map(([, path]) => path)).toEqual(['/quick/1', '/slow/2', '/quick/3', '/quick/4'])
    heard.socket.write(post('/quick/5'))
    await heard.until((text) => text.includes('/quick/5'))
    expect([quick.length, whole]).toEqual([4, [['/slow/2', true]]])
    // And what is unusual is node's, on the same connection.
    heard.socket.write(post('/quick/6', '', 'te: trailers'))
    await heard.until(() => whole.length === 2)
    letGo()
    await heard.until((text) => text.includes('/quick/6'))
    expect(whole.at(-1)).toEqual(['/quick/6', false])
    heard.socket.destroy()
  })

  test('text of any characters arrives as it was said', async () => {
    const { server } = await open((_head, body) => answerOf(body.toString()))
    const texts = ['caf\u00e9', 'plain', '\u20ac \u{1f600}']
    const heard: Buffer[] = []
    const socket = connect(server.port, '127.0.0.1', () => socket.write(texts.map((text) => post('/quick', text)).join('')))
    socket.on('data', (chunk) => heard.push(chunk))
    while (
      !Buffer.concat(heard)
        .toString()
        .includes(texts[2] as string)
    )
      await turns(1)
    const bodies = Buffer.concat(heard)
      .toString()
      .split(/HTTP\/1\.1 200[\s\S]*?\r\n\r\n/)
    expect(bodies).toEqual(['', ...texts])
    socket.destroy()
  })

  test('a caller that hangs up ends what was passed on for it', async () => {
    const ended: string[] = []
    const { server, whole } = await open(() => undefined, {
      handle: (request, response) => void response.on('close', () => ended.push(request.url ?? '')),
    })
    for (const hangUp of ['end', 'resetAndDestroy'] as const) {
      const heard = exchangeOpen(server.port)
      heard.socket.write(post('/slow'))
      await heard.until(() => whole.length > ended.length)
      heard.socket[hangUp]()
      await heard.until(() => whole.length === ended.length)
      heard.socket.destroy()
    }
    expect(ended).toEqual(['/slow', '/slow'])
  })

  test('who does not read what was answered is not heard further, and then hears all of it', async () => {
    const { server, quick } = await open((head, body) => quickEcho(head, body))
    const one = post('/quick', 'x'.repeat(100))
    const count = 40_000
    const socket = connect(server.port, '127.0.0.1')
    socket.pause()
    socket.write(one.repeat(count))
    for (let before = -1; before !== quick.length || quick.length === 0; ) {
      before = quick.length
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
    expect(quick.length).toBeLessThan(count)
    let answers = 0
    let tail = ''
    await new Promise<void>((resolve) => {
      socket.on('data', (chunk) => {
        const text = tail + chunk.toString('latin1')
        const parts = text.split('HTTP/1.1 200')
        answers += parts.length - 1
        tail = (parts.at(-1) as string).slice(-11)
        if (answers === count) resolve()
      })
      socket.resume()
    })
    expect(quick.length).toBe(count)
    socket.destroy()
  })

  test("a header or body beyond the limits, or in ever more pieces, or ever later, is node's to answer", async () => {
    const clock = new ManualClock()
    const { server, quick, whole } = await open((head, body) => quickEcho(head, body), { clock })
    const long = `x: ${'y'.repeat(2 * HEADER_BYTES_MAX)}`
    expect(await exchange(server.port, [post('/quick', '', long)])).toMatch(/^HTTP\/1\.1 431 /)
    expect(await exchange(server.port, [post('/quick', '', long).slice(0, HEADER_BYTES_MAX + 2_000)])).toMatch(/^HTTP\/1\.1 431 /)
    await exchange(server.port, [post('/large', 'x'.repeat(QUICK_BODY_BYTES_MAX + 1))])
    await exchange(server.port, [...post('/pieces', 'xyz')])
    const heard = exchangeOpen(server.port)
    const late = post('/late', 'xyz')
    heard.socket.write(late.slice(0, -1))
    await heard.until(() => clock.waiting > 0)
    clock.advance(QUICK_PATIENCE_MS)
    heard.socket.write(late.slice(-1))
    await heard.until((text) => text.includes('/late'))
    heard.socket.destroy()
    expect([quick, whole]).toEqual([
      [],
      [
        ['/large', false],
        ['/pieces', false],
        ['/late', false],
      ],
    ])
    expect(await exchange(server.port, [post('/most', 'x'.repeat(QUICK_BODY_BYTES_MAX))])).toContain('/most')
    expect(quick).toEqual(['/most'])
    expect(clock.waiting).toBe(0)
  })

  test('an old connection is told to leave with its next answer, and left', async () => {
    const clock = new ManualClock()
    const { server } = await open((head, body) => (head.path === '/quick' ? quickEcho(head, body) : undefined), {
      clock,
      connectionAgeMs: 1_000,
    })
    for (const path of ['/quick', '/slow']) {
      const heard = exchangeOpen(server.port)
      heard.socket.write(post(path))
      await heard.until((text) => text.includes(path))
      expect(heard.text()).toMatch(/connection: keep-alive/i)
      clock.advance(1_001)
      heard.socket.write(post(path) + post('/behind'))
      await heard.closed
      expect(heard.text().split('HTTP/1.1 200')).toHaveLength(3)
      expect(heard.text()).toMatch(/connection: close/i)
      expect(heard.text()).not.toContain('/behind')
    }
  })

  test('draining ends connections that ask nothing, and the others with their answer; closing ends all', async () => {
    let letGo = (): void => {}
    const opened = await open((head, body) => (head.path === '/quick' ? quickEcho(head, body) : undefined), {
      handle(request, response) {
        letGo = () => echo(request, response, true)
      },
    })
    const { server, whole } = opened
    const [idle, waiting, half] = [exchangeOpen(server.port), exchangeOpen(server.port), exchangeOpen(server.port)]
    idle.socket.write(post('/quick'))
    waiting.socket.write(post('/slow'))
    half.socket.write(post('/quick') + post('/quick', 'xyz').slice(0, -1))
    await idle.until((text) => text.includes('/quick'))
    await half.until((text) => text.includes('/quick'))
    await waiting.until(() => whole.length === 1)
    const drained = server.drain()
    await idle.closed
    letGo()
    half.socket.write('z')
    await Promise.all([waiting.closed, half.closed, drained])
    expect(waiting.text()).toContain('/slow')
    expect(half.text()).toMatch(/connection: close[\s\S]*"bytes":3/)

    const { server: other } = await open((head, body) => quickEcho(head, body))
    const left = exchangeOpen(other.port)
    left.socket.write(post('/quick'))
    await left.until((text) => text.includes('/quick'))
    await other.close()
    await left.closed
  })

  test('draining lets a request that is here by half arrive, also where node has answered on the same connection before', async () => {
    const { server } = await open(() => undefined)
    const heard = exchangeOpen(server.port)
    heard.socket.write(post('/one'))
    await heard.until((text) => text.includes('/one'))
    heard.socket.write(post('/two', 'xyz').slice(0, -1))
    await turns(20)
    const drained = server.drain()
    heard.socket.write('z')
    await Promise.all([heard.closed, drained])
    expect(heard.text()).toMatch(/"path":"\/one"[\s\S]*"path":"\/two"/)
  })

  test('requests behind one that is waited for are read no faster than they are answered', async () => {
    const { port, served, accepted } = await openBare(() => undefined)
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write(post('/slow').repeat(200_000))
    while (served.length === 0) await turns(1)
    for (let answered = 0; answered < 100; answered += 1) {
      ;(served[0] as PassedOn).answered()
      await turns(2)
    }
    // Some reads of 64 KiB, and not one for each answer.
    expect(accepted[0]?.bytesRead).toBeLessThan(400_000)
    socket.destroy()
  })

  test('an answer that nobody reads is not written on and on through the inner connection', async () => {
    const most = 1_000
    let written = 0
    const { server } = await open(() => undefined, {
      handle(_request, response) {
        const more = (): void => {
          for (let room = true; room && written < most; written += 1) room = response.write(Buffer.alloc(65_536))
          response.once('drain', more)
        }
        more()
      },
    })
    const heard = exchangeOpen(server.port)
    heard.socket.pause()
    heard.socket.write(post('/long'))
    for (let before = -1; before !== written || written === 0; await turns(50)) before = written
    expect(written).toBeLessThan(most)
    heard.socket.destroy()
  })

  test('over TLS too: at once, passed on, and given to node behind an answer that is not read yet', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'castellan-quick-'))
    const [keyFile, certFile] = [join(folder, 'key'), join(folder, 'crt')]
    const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', '/CN=x', '-days', '2']
    execFileSync('openssl', [...request, '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', keyFile, '-out', certFile], {
      stdio: 'ignore',
    })
    const [key, cert] = [readFileSync(keyFile), readFileSync(certFile)]
    rmSync(folder, { recursive: true })
    const large = 'y'.repeat(400_000)
    const { server, whole } = await open(
      ({ path }) => (path === '/slow' || path === '/node' ? undefined : answerOf(path === '/large' ? large : path)),
      { tls: { key, cert } },
    )
    for (let round = 0; round < 5; round += 1) {
      whole.length = 0
      const heard = exchangeOpen(server.port, cert)
      heard.socket.write(post('/quick') + post('/slow'))
      await heard.until((text) => text.includes('"path":"/slow"'))
      heard.socket.write(post('/large') + post('/node', 'z'.repeat(300_000)))
      await heard.until((text) => text.includes('"path":"/node"'))
      expect(heard.text()).toContain(`${large}HTTP/1.1 200 OK`)
      expect(heard.text()).toContain('"bytes":300000')
      expect(whole).toEqual([
        ['/slow', true],
        ['/node', false],
      ])
      heard.socket.destroy()
    }
  })

  test('half a request and no more is refused as node refuses it, and forgotten', async () => {
    const clock = new ManualClock()
    const { server } = await open(quickEcho, { clock })
    expect(await exchange(server.port, [post('/quick', 'xyz').slice(0, -1)])).toMatch(/^HTTP\/1\.1 400 /)
    expect(clock.waiting).toBe(0)
  })

  test("a connection that says nothing from the start is node's, and one that says nothing later is ended", async () => {
    const { port, served, accepted } = await openBare(quickEcho)
    const [silent, later] = [exchangeOpen(port), exchangeOpen(port)]
    later.socket.write(post('/quick'))
    await later.until((text) => text.includes('/quick'))
    await silent.until(() => accepted.length === 2)
    for (const socket of accepted) socket.emit('timeout')
    await later.closed
    expect(served.map(({ remotePort }) => remotePort)).toEqual([silent.socket.localPort])
    // Its times are node's from here on.
    expect((served[0] as Socket).timeout).toBe(0)
    silent.socket.destroy()
  })

  test('a connection whose answer is waited for is not ended for its silence', async () => {
    const { port, served, accepted } = await openBare(() => undefined)
    const heard = exchangeOpen(port)
    heard.socket.write(post('/slow'))
    while (served.length === 0) await turns(1)
    accepted[0]?.emit('timeout')
    await turns(10)
    expect(accepted[0]?.destroyed).toBe(false)
    heard.socket.destroy()
  })
})

/** Connections alone: what is for node is kept, and answered by nobody. */
async function openBare(answer: typeof quickEcho | (() => undefined)) {
  const server: Server = createServer({ allowHalfOpen: true })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const served: (Socket | PassedOn)[] = []
  const accepted: Socket[] = []
  server.on('connection', (socket) => {
    accepted.push(socket)
    new QuickConnection(socket, {
      clock: systemClock,
      answer,
      response: ({ json }) => json,
      leaving: () => false,
      serve: (connection) => void served.push(connection),
      closed: () => {},
    })
  })
  const { port } = server.address() as { readonly port: number }
  return { port, served, accepted }
}
