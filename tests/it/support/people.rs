//! The people of the tests.

use serde_json::{Value, json};

/// A password that fits every policy.
pub const PASSWORD: &str = "t4ble-lamp-Orbit%91";

/// Somebody who has an account.
#[derive(Clone, Debug)]
pub struct TestUser {
    pub id: String,
    pub username: String,
    pub email: String,
    pub password: String,
}

/// Every standard claim of OpenID Connect Core §5.1 but the address of mail, none of them empty.
pub fn all_claims() -> Value {
    json!({
        "name": "Alice Moreau",
        "given_name": "Alice",
        "family_name": "Moreau",
        "middle_name": "Jeanne",
        "nickname": "Ali",
        "preferred_username": "alice",
        "profile": "https://people.example/alice",
        "picture": "https://people.example/alice.png",
        "website": "https://alice.example/",
        "gender": "female",
        "birthdate": "1987-04-12",
        "zoneinfo": "Europe/Paris",
        "locale": "fr-FR",
        "phone_number": "+33 1 23 45 67 89",
        "phone_number_verified": true,
        "address": {
            "formatted": "12 Rue des Lilas\n75019 Paris\nFrance",
            "street_address": "12 Rue des Lilas",
            "locality": "Paris",
            "region": "Île-de-France",
            "postal_code": "75019",
            "country": "France",
        },
    })
}
