/** Administration of people's logins, keys and applications: who may is asked behind (access/guard.ts). Floor 5. */
import type { ChangeContext } from '../../model/administration.ts'
import type { IdentityAdministration } from '../ports.ts'
import * as answers from './answers.ts'
import * as requests from './requests.ts'
import type { Exchange, IdentityRoute } from './route.ts'

export function administrationRoutes(administration: IdentityAdministration): readonly IdentityRoute[] {
  return [
    {
      method: 'GET',
      path: '/v1/users',
      name: 'ListUsers',
      async serve({ caller, input }) {
        const page = await administration.listUsers(await caller(), requests.pageOf(await input(requests.pageSchema)))
        return { status: 200, body: answers.pageMessage('users', page, answers.userMessage) }
      },
    },
    {
      method: 'POST',
      path: '/v1/users/{user}/invite',
      name: 'InviteUser',
      async serve(exchange) {
        const context = await contextOf(exchange)
        const { reason, wait, ...input } = await exchange.input(requests.inviteSchema)
        const changed = await administration.invite(withAsked(context, { reason, wait }), input)
        return { status: 200, body: answers.changedMessage('user', changed, answers.userMessage(changed.record)) }
      },
    },
    {
      method: 'POST',
      path: '/v1/users/{user}/deactivate',
      name: 'DeactivateUser',
      bodyOptional: true,
      async serve(exchange) {
        const context = await contextOf(exchange)
        const { user, ...asked } = await exchange.input(requests.userChangeSchema)
        const changed = await administration.deactivateUser(withAsked(context, asked), user)
        return { status: 200, body: answers.changedMessage('user', changed, answers.userMessage(changed.record)) }
      },
    },
    {
      method: 'POST',
      path: '/v1/users/{user}/reactivate',
      name: 'ReactivateUser',
      bodyOptional: true,
      async serve(exchange) {
        const context = await contextOf(exchange)
        const { user, ...asked } = await exchange.input(requests.userChangeSchema)
        const changed = await administration.reactivateUser(withAsked(context, asked), user)
        return {
          status: 200,
          body: {
            ...answers.changedMessage('user', changed, answers.userMessage(changed.record)),
            expiredMeanwhile: changed.expiredMeanwhile.map(answers.assignmentMessage),
            brokenConstraints: changed.brokenConstraints,
          },
        }
      },
    },
    {
      method: 'GET',
      path: '/v1/users/{user}/sessions',
      name: 'ListSessions',
      async serve({ caller, input }) {
        const by = await caller()
        const { user, ...page } = await input(requests.userPageSchema)
        const found = await administration.listSessions(by, user, requests.pageOf(page))
        return { status: 200, body: answers.pageMessage('sessions', found, (record) => answers.sessionMessage(record)) }
      },
    },
    {
      method: 'DELETE',
      path: '/v1/users/{user}/sessions',
      name: 'EndSessions',
      async serve(exchange) {
        const context = await contextOf(exchange)
        const { user, ...asked } = await exchange.input(requests.userChangeByQuerySchema)
        const changed = await administration.endSessions(withAsked(context, asked), user)
        const ended = changed.record.map((record) => answers.sessionMessage(record))
        return { status: 200, body: answers.changedMessage('sessions', changed, ended) }
      },
    },
    {
      method: 'POST',
      path: '/v1/keys/rotate',
      name: 'RotateKeys',
      bodyOptional: true,
      async serve(exchange) {
        const context = await contextOf(exchange)
        const { kind = 'normal', ...asked } = await exchange.input(requests.rotateSchema)
        const changed = await administration.rotateKeys(withAsked(context, asked), kind)
        return { status: 200, body: answers.changedMessage('keys', changed, changed.record.map(answers.keyMessage)) }
      },
    },
    ...clientRoutes(administration),
  ]
}

function clientRoutes(administration: IdentityAdministration): readonly IdentityRoute[] {
  return [
    {
      method: 'GET',
      path: '/v1/login-clients',
      name: 'ListLoginClients',
      async serve({ caller, input }) {
        const page = await administration.listClients(await caller(), requests.pageOf(await input(requests.pageSchema)))
        return { status: 200, body: answers.pageMessage('clients', page, answers.clientMessage) }
      },
    },
    {
      method: 'PUT',
      path: '/v1/login-clients/{id}',
      name: 'PutLoginClient',
      async serve(exchange) {
        const context = await contextOf(exchange)
        const { reason, wait, ...input } = await exchange.input(requests.putClientSchema)
        const changed = await administration.putClient(withAsked(context, { reason, wait }), input)
        return { status: 200, body: answers.changedMessage('client', changed, answers.clientMessage(changed.record)) }
      },
    },
    {
      method: 'DELETE',
      path: '/v1/login-clients/{id}',
      name: 'RevokeLoginClient',
      async serve(exchange) {
        const context = await contextOf(exchange)
        const { id, ...asked } = await exchange.input(requests.clientChangeByQuerySchema)
        const changed = await administration.revokeClient(withAsked(context, asked), id)
        return { status: 200, body: answers.changedMessage('client', changed, answers.clientMessage(changed.record)) }
      },
    },
  ]
}

/** Before the body is read: nobody unknown has one read. */
async function contextOf({ caller, requestId }: Exchange): Promise<ChangeContext> {
  return { caller: await caller(), requestId }
}

function withAsked(context: ChangeContext, { reason, wait }: { reason?: string | undefined; wait?: boolean | undefined }): ChangeContext {
  return { ...context, ...(reason === undefined || reason === '' ? {} : { reason }), ...(wait === undefined ? {} : { wait }) }
}
