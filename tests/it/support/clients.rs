//! The cast of clients that the tests share (and how one more is made).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::endpoint::Credentials;

/// A registered client, with what only it knows.
#[derive(Clone, Debug)]
pub struct TestClient {
    pub id: String,
    pub secret: Option<String>,
    /// The first that it registered; empty for clients that nobody is sent back to.
    pub redirect_uri: String,
    pub metadata: Value,
}

impl TestClient {
    /// How it shows who it is at the token endpoint.
    pub fn credentials(&self) -> Credentials {
        let secret = || self.secret.clone().expect("a confidential client has a secret");
        match self.metadata["token_endpoint_auth_method"].as_str() {
            Some("none") => Credentials::Public(self.id.clone()),
            Some("client_secret_post") => Credentials::Post(self.id.clone(), secret()),
            Some("private_key_jwt") => panic!("a new assertion is needed for each request"),
            _ => Credentials::Basic(self.id.clone(), secret()),
        }
    }

    pub fn is_public(&self) -> bool {
        self.metadata["token_endpoint_auth_method"] == "none"
    }
}

/// All that a client may ask for.
const SCOPE: &str = "openid profile email address phone offline_access";

/// The confidential web application.
pub fn web() -> Value {
    json!({
        "client_id": "web",
        "client_name": "Photo Printer",
        "redirect_uris": ["https://app.example/cb"],
        "post_logout_redirect_uris": ["https://app.example/signed-out"],
        "token_endpoint_auth_method": "client_secret_basic",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "scope": SCOPE,
    })
}

/// A second one, to try what belongs to the first.
pub fn other() -> Value {
    let mut other = web();
    other["client_id"] = "other".into();
    other["client_name"] = "Calendar".into();
    other["redirect_uris"] = json!(["https://other.example/cb"]);
    other["post_logout_redirect_uris"] = json!(["https://other.example/signed-out"]);
    other
}

/// A public client in a browser.
pub fn spa() -> Value {
    json!({
        "client_id": "spa",
        "client_name": "Whiteboard",
        "redirect_uris": ["https://spa.example/cb"],
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "scope": SCOPE,
    })
}

/// A public client on a person's own machine (RFC 8252).
pub fn native() -> Value {
    json!({
        "client_id": "native",
        "client_name": "Terminal",
        "application_type": "native",
        "redirect_uris": ["http://127.0.0.1/cb", "com.example.app:/cb"],
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "scope": SCOPE,
    })
}

/// A program without people.
pub fn m2m() -> Value {
    json!({
        "client_id": "m2m",
        "client_name": "Nightly Report",
        "redirect_uris": [],
        "token_endpoint_auth_method": "client_secret_basic",
        "grant_types": ["client_credentials"],
        "response_types": [],
        "scope": "reports",
    })
}

/// A resource server that only introspects.
pub fn rs() -> Value {
    json!({
        "client_id": "rs",
        "client_name": "Photo Storage",
        "redirect_uris": [],
        "token_endpoint_auth_method": "client_secret_basic",
        "grant_types": [],
        "response_types": [],
        "introspection": "any",
    })
}

/// A confidential client that signs assertions with `key`.
pub fn pkj(key: &AssertionKey) -> Value {
    let mut pkj = web();
    pkj["client_id"] = "pkj".into();
    pkj["client_name"] = "Payroll".into();
    pkj["redirect_uris"] = json!(["https://pkj.example/cb"]);
    pkj["post_logout_redirect_uris"] = json!([]);
    pkj["token_endpoint_auth_method"] = "private_key_jwt".into();
    pkj["token_endpoint_auth_signing_alg"] = "ES256".into();
    pkj["jwks"] = json!({ "keys": [key.public_jwk()] });
    pkj
}

/// A client's own P-256 key for `private_key_jwt`.
pub struct AssertionKey {
    kid: String,
    private: jsonwebtoken::EncodingKey,
    public: Vec<u8>,
}

impl AssertionKey {
    pub fn generate(kid: &str) -> Self {
        use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pair = EcdsaKeyPair::generate(algorithm).expect("a key");
        let document = pair.to_pkcs8v1().expect("PKCS#8");
        Self {
            kid: kid.to_owned(),
            private: jsonwebtoken::EncodingKey::from_ec_der(document.as_ref()),
            public: pair.public_key().as_ref().to_vec(),
        }
    }

    /// The public half as the client registers it.
    pub fn public_jwk(&self) -> Value {
        let (x, y) = self.public[1..].split_at(32);
        let encode = |bytes| URL_SAFE_NO_PAD.encode(bytes);
        json!({
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.kid,
            "x": encode(x), "y": encode(y),
        })
    }

    /// A signed assertion with this header and these claims.
    pub fn sign_with(&self, header: &Value, claims: &Value) -> String {
        super::forge::jws(header, claims, |signed| {
            let algorithm = jsonwebtoken::Algorithm::ES256;
            let signature = jsonwebtoken::crypto::sign(signed, &self.private, algorithm);
            URL_SAFE_NO_PAD.decode(signature.expect("a signature")).expect("base64url")
        })
    }

    /// A signed assertion with these claims.
    pub fn sign(&self, claims: &Value) -> String {
        let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::ES256);
        header.kid = Some(self.kid.clone());
        jsonwebtoken::encode(&header, claims, &self.private).expect("a signature")
    }
}
