// A relying party written with openid-client 6, run headless against a Latchkey that serves:
// discovery, code with PKCE, userinfo, refresh, a refresh token used twice, revocation.
//
//   npm install --no-save openid-client@6
//   ISSUER=… CLIENT_ID=… CLIENT_SECRET=… USERNAME=… PASSWORD=… node openid_client.mjs
//
// CLIENT_SECRET is left out for a public client. REDIRECT_URI (http://127.0.0.1:9999/callback)
// must be registered; nothing listens there. The exit code is 0 when every step went as it must.

import assert from 'node:assert/strict'
import * as client from 'openid-client'

const { ISSUER, CLIENT_ID, CLIENT_SECRET, USERNAME, PASSWORD } = process.env
for (const name of ['ISSUER', 'CLIENT_ID', 'USERNAME', 'PASSWORD']) {
  if (!process.env[name]) {
    console.error(`openid_client.mjs: the environment lacks ${name}`)
    process.exit(2)
  }
}
const REDIRECT_URI = process.env.REDIRECT_URI ?? 'http://127.0.0.1:9999/callback'
const SCOPE = 'openid profile email offline_access'

/** As much of a browser as forms without JavaScript need. */
class Browser {
  cookies = new Map()

  async fetch(url, options = {}) {
    const headers = new Headers(options.headers)
    if (this.cookies.size > 0) {
      headers.set('cookie', [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; '))
    }
    const response = await fetch(url, { ...options, headers, redirect: 'manual' })
    for (const line of response.headers.getSetCookie()) {
      const [pair, ...attributes] = line.split(';')
      const at = pair.indexOf('=')
      const [name, value] = [pair.slice(0, at).trim(), pair.slice(at + 1).trim()]
      const gone = value === '' || attributes.some((attribute) => /^\s*max-age\s*=\s*0*$/i.test(attribute))
      if (gone) this.cookies.delete(name)
      else this.cookies.set(name, value)
    }
    return response
  }

  /** Follows redirects from `url` until a page comes, or until one leads to the application. */
  async follow(url, options) {
    let response = await this.fetch(url, options)
    for (let hops = 0; hops < 20 && response.status >= 300 && response.status < 400; hops++) {
      url = new URL(response.headers.get('location'), url)
      if (url.href.startsWith(REDIRECT_URI)) return { callback: url }
      response = await this.fetch(url)
    }
    return { url: new URL(url), status: response.status, html: await response.text() }
  }

  /** Sends the form on `page` that holds the button `button`, with `values` filled in. */
  async submit(page, button, values = {}) {
    const form = forms(page.html).find(({ html }) => html.includes(`id="${button}"`))
    assert.ok(form, `no button ${button} on ${page.url} (${page.status})`)
    const body = new URLSearchParams()
    for (const input of tags(form.html, 'input')) {
      const box = input.type === 'checkbox' || input.type === 'radio'
      if (input.name && (!box || 'checked' in input)) body.set(input.name, input.value ?? '')
    }
    const pressed = tags(form.html, 'button').find(({ id }) => id === button)
    if (pressed?.name) body.set(pressed.name, pressed.value ?? '')
    for (const [name, value] of Object.entries(values)) body.set(name, value)
    return this.follow(new URL(form.action ?? '', page.url), {
      method: 'POST',
      headers: { origin: page.url.origin, 'content-type': 'application/x-www-form-urlencoded' },
      body,
    })
  }
}

function forms(html) {
  return [...html.matchAll(/<form\b[^>]*>[\s\S]*?<\/form>/gi)].map(([form]) => ({
    html: form,
    action: tags(form, 'form')[0].action,
  }))
}

/** The attributes of all tags of one name. */
function tags(html, name) {
  return [...html.matchAll(new RegExp(`<${name}\\b([^>]*)>`, 'gi'))].map(([, attributes]) =>
    Object.fromEntries(
      [...attributes.matchAll(/([\w-]+)(?:\s*=\s*"([^"]*)")?/g)].map(([, key, value]) => [
        key.toLowerCase(),
        text(value ?? ''),
      ]),
    ),
  )
}

function text(escaped) {
  const named = { amp: '&', lt: '<', gt: '>', quot: '"' }
  return escaped
    .replace(/&#x([0-9a-f]+);/gi, (_, code) => String.fromCodePoint(parseInt(code, 16)))
    .replace(/&#(\d+);/g, (_, code) => String.fromCodePoint(Number(code)))
    .replace(/&(amp|lt|gt|quot);/g, (_, name) => named[name])
}

/** Signs in and allows, wherever the provider asks for it. */
async function authorize(url) {
  const browser = new Browser()
  let page = await browser.follow(url)
  for (let steps = 0; steps < 5 && !page.callback; steps++) {
    if (page.html.includes('id="sign-in"')) {
      page = await browser.submit(page, 'sign-in', { username: USERNAME, password: PASSWORD })
    } else if (page.html.includes('id="allow"')) {
      page = await browser.submit(page, 'allow')
    } else {
      assert.fail(`an unexpected page at ${page.url} (${page.status}):\n${page.html.slice(0, 2000)}`)
    }
  }
  assert.ok(page.callback, `still at ${page.url} after five steps`)
  return page.callback
}

let count = 0
function done(sentence) {
  console.log(`ok ${++count} - ${sentence}`)
}

const server = new URL(ISSUER)
const config = await client.discovery(
  server,
  CLIENT_ID,
  undefined,
  CLIENT_SECRET ? client.ClientSecretBasic(CLIENT_SECRET) : client.None(),
  server.protocol === 'http:' ? { execute: [client.allowInsecureRequests] } : undefined,
)
assert.equal(config.serverMetadata().issuer, ISSUER)
done('the metadata name the issuer that was asked')

const pkceCodeVerifier = client.randomPKCECodeVerifier()
const expectedState = client.randomState()
const expectedNonce = client.randomNonce()
const callback = await authorize(
  client.buildAuthorizationUrl(config, {
    redirect_uri: REDIRECT_URI,
    scope: SCOPE,
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: expectedState,
    nonce: expectedNonce,
  }),
)
assert.equal(callback.searchParams.get('iss'), ISSUER)
done('a code came, with the issuer beside it (RFC 9207)')

const tokens = await client.authorizationCodeGrant(config, callback, {
  pkceCodeVerifier,
  expectedState,
  expectedNonce,
  idTokenExpected: true,
})
assert.ok(tokens.refresh_token, 'no refresh token came')
done('the code was exchanged, and the ID token is right')

const { sub } = tokens.claims()
const person = await client.fetchUserInfo(config, tokens.access_token, sub)
assert.equal(person.sub, sub)
done(`userinfo speaks of the same person: ${person.preferred_username ?? person.name ?? sub}`)

const renewed = await client.refreshTokenGrant(config, tokens.refresh_token)
assert.notEqual(renewed.access_token, tokens.access_token)
assert.ok(renewed.refresh_token)
assert.notEqual(renewed.refresh_token, tokens.refresh_token)
await client.fetchUserInfo(config, renewed.access_token, sub)
done('a refresh gave a new access token and a new refresh token')

await client.tokenRevocation(config, renewed.access_token, { token_type_hint: 'access_token' })
await assert.rejects(client.fetchUserInfo(config, renewed.access_token, sub), isUnauthorized)
done('a revoked access token is refused at once')

const again = await client.refreshTokenGrant(config, renewed.refresh_token)
done('revoking an access token leaves the refresh token alone')

await client.tokenRevocation(config, again.refresh_token, { token_type_hint: 'refresh_token' })
await assert.rejects(client.refreshTokenGrant(config, again.refresh_token), isInvalidGrant)
done('a revoked refresh token gives nothing more')

await assert.rejects(client.fetchUserInfo(config, again.access_token, sub), isUnauthorized)
done('and the access token that came with it is dead too')

function isInvalidGrant(error) {
  assert.equal(error.error, 'invalid_grant', String(error))
  return true
}

function isUnauthorized(error) {
  assert.equal(error.status ?? error.cause?.status ?? error.response?.status, 401, String(error))
  return true
}
