"""A provider of OpenID Connect: the code flow with PKCE over HTTP, and what a hostile one sends."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

CLIENT_ID, CLIENT_SECRET = "waybill", "the client's secret"
KEY, OTHER_KEY = (rsa.generate_private_key(public_exponent=65_537, key_size=2_048) for _ in "12")


class OidcServer:
    """A provider; `person` is who logs in there, the other attributes how it misbehaves."""

    def __init__(self):
        self.person = {"sub": "1", "email": "boss@example.com", "email_verified": True}
        # Claims of the token that are not as they should be; None leaves one out.
        self.claims = {}
        self.userinfo = None
        self.sign = self.sign_well
        self.config = {}
        self.codes = {}
        self.asked = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._make_handler())
        self.server.daemon_threads = True
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=[0.01], daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    # --- tokens ---

    def sign_well(self, claims):
        return jwt.encode(claims, KEY, "RS256", headers={"kid": "first"})

    def sign_with_another_key(self, claims):
        return jwt.encode(claims, OTHER_KEY, "RS256", headers={"kid": "first"})

    def sign_with_an_unknown_key(self, claims):
        return jwt.encode(claims, OTHER_KEY, "RS256", headers={"kid": "second"})

    def sign_not_at_all(self, claims):
        return jwt.encode(claims, None, "none", headers={"kid": "first"})

    def sign_with_the_clients_secret(self, claims):
        return jwt.encode(claims, CLIENT_SECRET * 2, "HS256", headers={"kid": "first"})

    def sign_with_the_public_key_as_a_secret(self, claims):
        """The confusion of algorithms: what everybody knows, taken for what two know."""
        header, body = (
            base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
            for part in ({"alg": "HS256", "kid": "first"}, claims)
        )
        public = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        mac = hmac.digest(public, header + b"." + body, "sha256")
        return b".".join((header, body, base64.urlsafe_b64encode(mac).rstrip(b"="))).decode()

    def sign_nonsense(self, claims):
        return "a.b.c"

    def sign_nothing(self, claims):
        return None

    def keys(self):
        public = jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True)
        return {"keys": [public | {"kid": "first", "use": "sig", "alg": "RS256"}]}

    # --- its pages ---

    def describe(self):
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "jwks_uri": f"{self.issuer}/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        } | self.config

    def authorize(self, query):
        """Where the browser is sent back to: whoever asks is logged in here."""
        self.asked.append(query)
        code = secrets.token_urlsafe()
        self.codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def exchange(self, form):
        query = self.codes.pop(form["code"], None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        secret = form.get("client_secret")
        if not query or challenge != query["code_challenge"] or secret != CLIENT_SECRET:
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims = self.person | {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "nonce": query.get("nonce"),
        }
        claims = {k: v for k, v in (claims | self.claims).items() if v is not None}
        answer = {"access_token": "access", "token_type": "Bearer", "id_token": self.sign(claims)}
        return 200, {name: value for name, value in answer.items() if value is not None}

    def _make_handler(provider):  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                url = urlsplit(self.path)
                if url.path == "/authorize":
                    self.send_response(302)
                    self.send_header("Location", provider.authorize(dict(parse_qsl(url.query))))
                    self.end_headers()
                    return
                pages = {
                    "/.well-known/openid-configuration": provider.describe(),
                    "/keys": provider.keys(),
                    "/userinfo": provider.userinfo,
                }
                self.answer(200, pages[url.path])

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                self.answer(*provider.exchange(dict(parse_qsl(body))))

            def answer(self, status, data):
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(json.dumps(data).encode())

            def log_message(self, *_):
                pass

        return Handler
