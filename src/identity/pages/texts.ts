/** Every word of the pages, in each language; the scripts have none of their own. Floor 5. */
import type { Locale } from '../../model/identity.ts'

export interface PageTexts {
  readonly languageName: string
  readonly needsScript: string
  readonly start: {
    readonly title: string
    readonly intro: string
    readonly email: string
    readonly submit: string
    readonly sentTitle: string
    readonly sent: string
    readonly sentHint: string
    readonly code: string
    readonly codeHint: string
    readonly submitCode: string
    readonly again: string
    readonly noClient: string
  }
  readonly verify: {
    readonly title: string
    readonly looking: string
    readonly asked: string
    readonly invited: string
    readonly account: string
    readonly application: string
    readonly time: string
    readonly device: string
    readonly unknownDevice: string
    readonly otherDevice: string
    readonly submit: string
    readonly notYou: string
    readonly noToken: string
  }
  readonly tenants: string
  readonly chooseTenant: string
  readonly done: string
  readonly working: string
  readonly refused: string
  readonly invalid: string
  readonly limited: string
  readonly failed: string
}

const en: PageTexts = {
  languageName: 'English',
  needsScript: 'This page needs JavaScript. Allow it for this address and load the page again; nothing has been used up.',
  start: {
    title: 'Sign in',
    intro: 'We send you a link and a code by e-mail. There is no password.',
    email: 'E-mail address',
    submit: 'Send me a link',
    sentTitle: 'Look into your mail',
    sent: 'If this address may sign in, a mail is on its way. Open the link in it, or type its code here.',
    sentHint: 'Link and code are good for 10 minutes. Look into the spam folder too.',
    code: 'Code of 6 digits',
    codeHint: 'The code works in this browser only.',
    submitCode: 'Sign in',
    again: 'Use another address, or ask again',
    noClient:
      'The address of this page is not complete: it does not say which application you want to sign in to. Start from the application.',
  },
  verify: {
    title: 'Do you want to sign in?',
    looking: 'The link is being looked at…',
    asked: 'Somebody asked to sign in with your address.',
    invited: 'You are invited. Your account becomes active with the first sign-in.',
    account: 'Address',
    application: 'Application',
    time: 'Asked at',
    device: 'Asked on',
    unknownDevice: 'unknown device',
    otherDevice:
      'This is another browser than the one that asked. You will be signed in here, not there. If you did not ask yourself, close this page.',
    submit: 'Sign in here',
    notYou: 'If this was not you, close this page: without the click nothing happens.',
    noToken: 'The address of this page is not complete. Open the link of the mail again, or copy it as a whole.',
  },
  tenants: 'Where do you want to work?',
  chooseTenant: 'Choose one of them.',
  done: 'You are signed in. You can close this page.',
  working: 'One moment…',
  refused: 'This link or code is not valid: it is wrong, was used, was replaced by a newer one, or its time is over. Ask for a new one.',
  invalid: 'That cannot be right. Check what you typed.',
  limited: 'Too many attempts. Wait some minutes and try again.',
  failed: 'This did not work for a reason on our side. Nothing was used up; try again a little later.',
}

const fr: PageTexts = {
  languageName: 'Français',
  needsScript: 'Cette page a besoin de JavaScript. Autorisez-le pour cette adresse et rechargez la page ; rien n’a été consommé.',
  start: {
    title: 'Se connecter',
    intro: 'Nous vous envoyons un lien et un code par e-mail. Il n’y a pas de mot de passe.',
    email: 'Adresse e-mail',
    submit: 'Envoyez-moi un lien',
    sentTitle: 'Consultez votre messagerie',
    sent: 'Si cette adresse peut se connecter, un message est en route. Ouvrez le lien qu’il contient ou saisissez son code ici.',
    sentHint: 'Le lien et le code sont valables 10 minutes. Regardez aussi dans les indésirables.',
    code: 'Code à 6 chiffres',
    codeHint: 'Le code ne fonctionne que dans ce navigateur.',
    submitCode: 'Se connecter',
    again: 'Utiliser une autre adresse ou redemander un lien',
    noClient:
      'L’adresse de cette page est incomplète : elle ne dit pas à quelle application vous voulez vous connecter. Partez de l’application.',
  },
  verify: {
    title: 'Voulez-vous vous connecter ?',
    looking: 'Vérification du lien…',
    asked: 'Quelqu’un a demandé à se connecter avec votre adresse.',
    invited: 'Vous êtes invité. Votre compte devient actif à la première connexion.',
    account: 'Adresse',
    application: 'Application',
    time: 'Demandé le',
    device: 'Demandé depuis',
    unknownDevice: 'appareil inconnu',
    otherDevice:
      'Ce navigateur n’est pas celui de la demande. Vous serez connecté ici, pas là-bas. Si vous n’avez rien demandé, fermez cette page.',
    submit: 'Se connecter ici',
    notYou: 'Si ce n’était pas vous, fermez cette page : sans le clic, rien ne se passe.',
    noToken: 'L’adresse de cette page est incomplète. Ouvrez de nouveau le lien du message ou copiez-le en entier.',
  },
  tenants: 'Où voulez-vous travailler ?',
  chooseTenant: 'Choisissez une réponse.',
  done: 'Vous êtes connecté. Vous pouvez fermer cette page.',
  working: 'Un instant…',
  refused:
    'Ce lien ou ce code n’est pas valable : il est faux, déjà utilisé, remplacé par un plus récent ou expiré. Demandez-en un nouveau.',
  invalid: 'Cela ne peut pas être exact. Vérifiez votre saisie.',
  limited: 'Trop de tentatives. Attendez quelques minutes puis réessayez.',
  failed: 'Cela n’a pas fonctionné pour une raison de notre côté. Rien n’a été consommé ; réessayez un peu plus tard.',
}

export const PAGE_TEXTS: Readonly<Record<Locale, PageTexts>> = { en, fr }
