/** The words of our mails, in each language. Plain text only: what makes HTML of it escapes everything. Floor 5. */
import type { Locale } from '../../model/identity.ts'

export interface MailTexts {
  subject(application: string): string
  readonly heading: string
  /** Before the link. */
  intro(application: string): string
  readonly button: string
  /** Before the bare link. */
  readonly orCopy: string
  /** Before the code. */
  readonly orCode: string
  asked(when: string, device: string | undefined): string
  readonly lasts: string
  readonly notYou: string
  /** Of a time in UTC. */
  readonly timeFormat: string
}

const LOGIN_EN: MailTexts = {
  subject: (application) => `Sign in to ${application}`,
  heading: 'Sign in',
  intro: (application) => `Open this link to sign in to ${application}. It asks you to confirm first.`,
  button: 'Sign in',
  orCopy: 'If the button does not work, copy this address into your browser:',
  orCode: 'Or type this code where you asked for it:',
  asked: (when, device) => `Asked for on ${when}${device === undefined ? '' : `, from ${device}`}.`,
  lasts: 'Link and code work once and for ten minutes.',
  notYou: 'If this was not you, do nothing: without this mail nobody can sign in. Never pass the link or the code on.',
  timeFormat: 'en-GB',
}

const LOGIN_FR: MailTexts = {
  subject: (application) => `Connexion à ${application}`,
  heading: 'Connexion',
  intro: (application) => `Ouvrez ce lien pour vous connecter à ${application}. Une confirmation vous sera demandée.`,
  button: 'Se connecter',
  orCopy: 'Si le bouton ne fonctionne pas, copiez cette adresse dans votre navigateur :',
  orCode: 'Ou saisissez ce code là où vous l’avez demandé :',
  asked: (when, device) => `Demandé le ${when}${device === undefined ? '' : `, depuis ${device}`}.`,
  lasts: 'Le lien et le code fonctionnent une seule fois, pendant dix minutes.',
  notYou:
    'Si ce n’était pas vous, ne faites rien : sans ce message, personne ne peut se connecter. Ne transmettez jamais le lien ni le code.',
  timeFormat: 'fr-FR',
}

export const LOGIN_TEXTS: Readonly<Record<Locale, MailTexts>> = { en: LOGIN_EN, fr: LOGIN_FR }

export const INVITATION_TEXTS: Readonly<Record<Locale, MailTexts>> = {
  en: {
    ...LOGIN_EN,
    subject: (application) => `You are invited to ${application}`,
    heading: 'You are invited',
    intro: (application) =>
      `You were given access to ${application}. Open this link to sign in for the first time; it asks you to confirm first.`,
    asked: (when) => `Sent on ${when}.`,
    lasts: 'The link works once and for seven days. After that, ask for a new one where you sign in.',
    notYou: 'If you did not expect this, do nothing: nothing happens without you. Never pass the link on.',
  },
  fr: {
    ...LOGIN_FR,
    subject: (application) => `Invitation à ${application}`,
    heading: 'Vous êtes invité(e)',
    intro: (application) =>
      `Un accès à ${application} vous a été donné. Ouvrez ce lien pour vous connecter une première fois ; une confirmation vous sera demandée.`,
    asked: (when) => `Envoyé le ${when}.`,
    lasts: 'Le lien fonctionne une seule fois, pendant sept jours. Passé ce délai, demandez-en un nouveau sur la page de connexion.',
    notYou: 'Si vous ne vous y attendiez pas, ne faites rien : rien ne se passe sans vous. Ne transmettez jamais le lien.',
  },
}
