//! The values that members of client metadata may have, by their names on the wire.

use serde::{Deserialize, Serialize};

macro_rules! wire_names {
    ($(#[$doc:meta])* $enum:ident {
        $(#[$first_doc:meta])* $first:ident = $first_name:literal,
        $($(#[$variant_doc:meta])* $variant:ident = $name:literal,)*
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $enum {
            #[default]
            $(#[$first_doc])* #[serde(rename = $first_name)] $first,
            $($(#[$variant_doc])* #[serde(rename = $name)] $variant,)*
        }

        impl $enum {
            /// Every value, the default one first.
            pub const ALL: &[Self] = &[Self::$first, $(Self::$variant,)*];

            /// Its name on the wire.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    Self::$first => $first_name,
                    $(Self::$variant => $name,)*
                }
            }

            /// The value of that name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.name() == name)
            }
        }
    };
}

wire_names! {
    /// How a client proves who it is at the token endpoint (OpenID Connect Core §9).
    AuthMethod {
        /// Its secret in the `Authorization` header.
        ClientSecretBasic = "client_secret_basic",
        /// Its secret in the body.
        ClientSecretPost = "client_secret_post",
        /// A signed assertion (RFC 7523).
        PrivateKeyJwt = "private_key_jwt",
        /// Not at all: it is public.
        None = "none",
    }
}

wire_names! {
    /// Which audience a client's assertions may name.
    AuthAudience {
        /// The issuer only (RFC 10070).
        Issuer = "issuer",
        /// The token endpoint too, for clients older than RFC 10070.
        TokenEndpoint = "token_endpoint",
    }
}

wire_names! {
    /// What the token endpoint redeems (RFC 7591 §2).
    GrantType {
        /// RFC 6749 §4.1
        AuthorizationCode = "authorization_code",
        /// RFC 6749 §6
        RefreshToken = "refresh_token",
        /// RFC 6749 §4.4
        ClientCredentials = "client_credentials",
    }
}

wire_names! {
    /// What the authorization endpoint answers with (RFC 6749 §3.1.1).
    ResponseType {
        /// RFC 6749 §4.1
        Code = "code",
    }
}

wire_names! {
    /// Whether clients can compare notes about a person (OpenID Connect Core §8).
    SubjectType {
        /// All see the same `sub`.
        Public = "public",
        /// Each sector sees its own.
        Pairwise = "pairwise",
    }
}

wire_names! {
    /// Who registered a client. No member of its metadata: a client cannot say this of itself.
    RegisteredBy {
        /// Whoever runs this provider, who can be asked about it.
        Operator = "operator",
        /// It itself (RFC 7591 §3): what it says about itself is only its word.
        Itself = "itself",
    }
}

wire_names! {
    /// What kind of program a client is (OpenID Connect Registration §2).
    ApplicationType {
        /// A website.
        Web = "web",
        /// A program on a person's device.
        Native = "native",
    }
}

wire_names! {
    /// What access tokens look like.
    AccessTokenFormat {
        /// Sealed: only we can read them.
        Opaque = "opaque",
        /// RFC 9068.
        Jwt = "jwt",
    }
}

wire_names! {
    /// Whose tokens a client may introspect (RFC 7662).
    IntrospectionRight {
        /// Those issued to it, and those for its resources.
        Own = "own",
        /// Everybody's.
        Any = "any",
    }
}
