"""A relying party written with Authlib, run headless against a Latchkey that serves: discovery,
code with PKCE, userinfo, refresh, revocation, and the refresh that must fail after it.

    pip install Authlib requests
    ISSUER=… CLIENT_ID=… CLIENT_SECRET=… USERNAME=… PASSWORD=… python3 authlib_client.py

CLIENT_SECRET is left out for a public client. REDIRECT_URI (http://127.0.0.1:9999/callback) must
be registered; nothing listens there. The exit code is 0 when every step went as it must.
"""

import os
import secrets
import sys
from html.parser import HTMLParser
from urllib.parse import parse_qs, urljoin, urlsplit

import requests
from authlib.common.security import generate_token
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session

try:  # Authlib 1.7 moves its JOSE part into joserfc.
    from joserfc import jwt as joserfc_jwt
    from joserfc.jwk import KeySet
except ImportError:
    joserfc_jwt = KeySet = None

REDIRECT_URI = os.environ.get("REDIRECT_URI", "http://127.0.0.1:9999/callback")
SCOPE = "openid profile email offline_access"


class Form:
    """One form of a page."""

    def __init__(self, action):
        self.action = action or ""
        self.values = {}
        self.buttons = {}


class Page(HTMLParser):
    """The forms of a page."""

    def __init__(self, response):
        super().__init__()
        self.url, self.status, self.html = response.url, response.status_code, response.text
        self.forms = []
        self._form = None
        self.feed(self.html)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag == "form":
            self._form = Form(attributes.get("action"))
            self.forms.append(self._form)
        elif self._form is None:
            return
        elif tag == "input" and "name" in attributes:
            box = attributes.get("type") in ("checkbox", "radio")
            if not box or "checked" in attributes:
                self._form.values[attributes["name"]] = attributes.get("value") or ""
        elif tag == "button" and "id" in attributes:
            self._form.buttons[attributes["id"]] = attributes

    def handle_endtag(self, tag):
        if tag == "form":
            self._form = None

    def form_of(self, button):
        return next((form for form in self.forms if button in form.buttons), None)


class Browser:
    """As much of a browser as forms without JavaScript need."""

    def __init__(self):
        self.session = requests.Session()

    def follow(self, response):
        """Goes on until a page comes, or until a redirect leads to the application."""
        for _ in range(20):
            if not response.is_redirect:
                return None, Page(response)
            to = urljoin(response.url, response.headers["Location"])
            if to.startswith(REDIRECT_URI):
                return to, None
            response = self.session.get(to, allow_redirects=False, timeout=10)
        raise AssertionError("more than twenty redirects")

    def open(self, url):
        return self.follow(self.session.get(url, allow_redirects=False, timeout=10))

    def submit(self, page, button, **values):
        form = page.form_of(button)
        pressed = form.buttons[button]
        data = dict(form.values)
        if pressed.get("name"):
            data[pressed["name"]] = pressed.get("value") or ""
        data.update(values)
        to = urljoin(page.url, form.action)
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(page.url))
        return self.follow(
            self.session.post(
                to, data=data, headers={"Origin": origin}, allow_redirects=False, timeout=10
            )
        )


def authorize(url, username, password):
    """Signs in and allows, wherever the provider asks for it."""
    browser = Browser()
    callback, page = browser.open(url)
    for _ in range(5):
        if callback:
            return callback
        if page.form_of("sign-in"):
            callback, page = browser.submit(
                page, "sign-in", username=username, password=password
            )
        elif page.form_of("allow"):
            callback, page = browser.submit(page, "allow")
        else:
            raise AssertionError(f"an unexpected page at {page.url}:\n{page.html[:2000]}")
    if callback:
        return callback
    raise AssertionError(f"still at {page.url} after five steps")


def verified_claims(id_token, keys, algorithms):
    """The claims of an ID token whose signature is right."""
    if joserfc_jwt:
        return joserfc_jwt.decode(id_token, KeySet.import_key_set(keys), algorithms).claims
    from authlib.jose import JsonWebKey, JsonWebToken

    return dict(JsonWebToken(algorithms).decode(id_token, JsonWebKey.import_key_set(keys)))


def done(sentence, count=iter(range(1, 100))):
    print(f"ok {next(count)} - {sentence}", flush=True)


def check(condition, sentence):
    if not condition:
        raise AssertionError(sentence)


def main():
    missing = [n for n in ("ISSUER", "CLIENT_ID", "USERNAME", "PASSWORD") if not os.environ.get(n)]
    if missing:
        print(f"authlib_client.py: the environment lacks {', '.join(missing)}", file=sys.stderr)
        return 2
    issuer, client_id = os.environ["ISSUER"], os.environ["CLIENT_ID"]
    secret = os.environ.get("CLIENT_SECRET")

    answer = requests.get(issuer + "/.well-known/openid-configuration", timeout=10)
    answer.raise_for_status()
    metadata = answer.json()
    check(metadata["issuer"] == issuer, "the metadata name another issuer")
    done("the metadata name the issuer that was asked")

    session = OAuth2Session(
        client_id,
        secret,
        scope=SCOPE,
        redirect_uri=REDIRECT_URI,
        code_challenge_method="S256",
        token_endpoint_auth_method="client_secret_basic" if secret else "none",
        revocation_endpoint_auth_method="client_secret_basic" if secret else "none",
    )
    verifier, nonce = generate_token(48), secrets.token_urlsafe(32)
    url, state = session.create_authorization_url(
        metadata["authorization_endpoint"], code_verifier=verifier, nonce=nonce
    )
    callback = authorize(url, os.environ["USERNAME"], os.environ["PASSWORD"])
    query = parse_qs(urlsplit(callback).query)
    check(query.get("iss") == [issuer], "the answer names another issuer, or none")
    done("a code came, with the issuer beside it (RFC 9207)")

    token = session.fetch_token(
        metadata["token_endpoint"],
        authorization_response=callback,
        state=state,
        code_verifier=verifier,
    )
    check(token.get("refresh_token"), "no refresh token came")
    keys = requests.get(metadata["jwks_uri"], timeout=10).json()
    algorithms = metadata["id_token_signing_alg_values_supported"]
    claims = verified_claims(token["id_token"], keys, algorithms)
    check(claims["iss"] == issuer, "the ID token is of another issuer")
    check(client_id in ([claims["aud"]] if isinstance(claims["aud"], str) else claims["aud"]),
          "the ID token is for another client")
    check(claims["nonce"] == nonce, "the ID token is of another sign-in")
    done("the code was exchanged, and the ID token is right")

    person = session.get(metadata["userinfo_endpoint"], timeout=10)
    person.raise_for_status()
    check(person.json()["sub"] == claims["sub"], "userinfo speaks of another person")
    done("userinfo speaks of the same person")

    renewed = session.refresh_token(
        metadata["token_endpoint"], refresh_token=token["refresh_token"]
    )
    check(renewed["access_token"] != token["access_token"], "the access token is the old one")
    check(renewed["refresh_token"] != token["refresh_token"], "the refresh token is the old one")
    session.get(metadata["userinfo_endpoint"], timeout=10).raise_for_status()
    done("a refresh gave a new access token and a new refresh token")

    revoked = session.revoke_token(
        metadata["revocation_endpoint"],
        token=renewed["refresh_token"],
        token_type_hint="refresh_token",
    )
    check(revoked.status_code == 200, f"revocation answered {revoked.status_code}")
    try:
        session.refresh_token(
            metadata["token_endpoint"], refresh_token=renewed["refresh_token"]
        )
    except OAuthError as error:
        check(error.error == "invalid_grant", f"the refusal is {error.error}")
    else:
        raise AssertionError("a revoked refresh token was accepted")
    done("a revoked refresh token gives nothing more")

    dead = requests.get(
        metadata["userinfo_endpoint"],
        headers={"Authorization": "Bearer " + renewed["access_token"]},
        timeout=10,
    )
    check(dead.status_code == 401, f"userinfo answered {dead.status_code}")
    check("invalid_token" in dead.headers.get("WWW-Authenticate", ""), "the refusal says not why")
    done("and the access token that came with it is dead too")
    return 0


if __name__ == "__main__":
    sys.exit(main())
