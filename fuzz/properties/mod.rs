// What must hold of each parser for any bytes at all. The fuzzing targets run these, and so does
// the test suite over the inputs in `fuzz/corpus`.

mod files;
mod keys;
mod people;
mod protocol;
mod requests;
mod writing;

/// A name and what must hold.
pub type Property = (&'static str, fn(&[u8]));

/// Every parser.
pub const ALL: &[Property] = &[
    ("access_token", keys::access_token),
    ("authorization_request", protocol::request),
    ("basic", requests::basic_credentials),
    ("callable_address", requests::callable_address),
    ("claims", protocol::claims),
    ("client_address", requests::client_address_of),
    ("client_assertion", keys::assertion),
    ("client_metadata", keys::client_metadata),
    ("color", people::color),
    ("config", files::config),
    ("cookie", requests::cookie),
    ("csv", writing::csv),
    ("cursor", people::cursor),
    ("image", files::image),
    ("json_depth", files::depth),
    ("jwks", keys::key_set),
    ("jwt", keys::signed),
    ("log", writing::log),
    ("mail", writing::mail),
    ("next", requests::next),
    ("parameters", protocol::parameters),
    ("password", people::password_and_name),
    ("pkce", protocol::pkce_of),
    ("places", files::places),
    ("prompt", protocol::prompt),
    ("redirect_uri", protocol::redirect),
    ("request_head", requests::request_head),
    ("request_headers", requests::request_headers),
    ("scope", protocol::scope),
    ("sealed_record", writing::sealed_record),
    ("second_factor", people::second_factor),
    ("user_agent", requests::user_agent_of),
];

/// Holds the property of this name against `data`.
pub fn run(name: &str, data: &[u8]) {
    let found = ALL.iter().find(|(other, _)| *other == name);
    let (_, property) = found.expect("a property of this name");
    property(data);
}

fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}
