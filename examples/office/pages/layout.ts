/** The frame of every page: menu, who is signed in, the script of the login. Asks nobody. */
import { type Html, html, type Part } from '../html.ts'

export interface Frame {
  readonly title: string
  /** Of the login service. */
  readonly issuer: string
  /** Where a login begins. */
  readonly start: string
  /** Absent: nobody is signed in. */
  readonly user?: string
  readonly menu?: readonly { readonly path: string; readonly title: string }[]
}

export function page({ title, issuer, start, user, menu = [] }: Frame, main: Part): string {
  const { text } = html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title} – Office</title>
<link rel="stylesheet" href="/assets/style.css"><script type="module" src="/assets/login.js"></script></head>
<body data-issuer="${issuer}" data-start="${start}">
<nav><a href="/">Office</a>${menu.map((item) => html`<a href="${item.path}">${item.title}</a>`)}${user === undefined ? undefined : signedIn(user)}</nav>
<main><h1>${title}</h1>
${main}
</main></body></html>`
  return text
}

function signedIn(user: string): Html {
  return html`<span class="who" id="user">${user}</span><button type="button" id="sign-out">Sign out</button>`
}

/** One button, one change. */
export function button(action: string, title: string): Html {
  return html`<form method="post" action="${action}"><button>${title}</button></form> `
}
