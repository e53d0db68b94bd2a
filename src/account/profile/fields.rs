//! The fields of the profile: which claim each is (OpenID Connect Core §5.1), how it is asked for,
//! and what is wrong with what was typed.

use serde_json::{Value, json};

use crate::protocol::claims::{Address, StandardClaims};

/// A field of the form; its name is the claim's, members of the address by their own.
#[derive(Clone, Copy)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    /// The `autocomplete` token of HTML.
    pub(super) autocomplete: &'static str,
    pub(super) kind: Kind,
    pub(super) hint: Option<&'static str>,
}

/// How a field is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Lines,
    Link,
    Phone,
    Zone,
}

impl Kind {
    /// The `type` of the input; `lines` is no input.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Lines => "lines",
            Self::Link => "url",
            Self::Phone => "tel",
            Self::Zone => "zone",
        }
    }
}

/// Fields under one heading, which the same scope brings to applications.
pub(super) struct Group {
    pub(super) title: &'static str,
    pub(super) scope: &'static str,
    pub(super) fields: &'static [Field],
}

const fn field(
    name: &'static str,
    label: &'static str,
    autocomplete: &'static str,
    kind: Kind,
) -> Field {
    Field { name, label, autocomplete, kind, hint: None }
}

const fn hinted(field: Field, hint: &'static str) -> Field {
    Field { hint: Some(hint), ..field }
}

/// The form, in its order.
pub(super) const GROUPS: &[Group] = &[
    Group {
        title: "Name",
        scope: "profile",
        fields: &[
            hinted(field("name", "Full name", "name", Kind::Text), "As it is shown to others."),
            field("nickname", "Nickname", "nickname", Kind::Text),
            field("given_name", "Given name", "given-name", Kind::Text),
            field("family_name", "Family name", "family-name", Kind::Text),
            field("middle_name", "Middle name", "additional-name", Kind::Text),
        ],
    },
    Group {
        title: "About you",
        scope: "profile",
        fields: &[
            hinted(
                field("birthdate", "Birthday", "bday", Kind::Text),
                "Like 1990-12-31. You may give only the year, or 0000 in its place.",
            ),
            field("gender", "Gender", "sex", Kind::Text),
            field("picture", "Picture", "photo", Kind::Link),
            field("profile", "Profile page", "off", Kind::Link),
            field("website", "Website", "url", Kind::Link),
        ],
    },
    Group {
        title: "Language and time",
        scope: "profile",
        fields: &[
            hinted(field("locale", "Language", "language", Kind::Text), "Like en, en-GB or pt-BR."),
            hinted(field("zoneinfo", "Time zone", "off", Kind::Zone), "Like Europe/Paris."),
        ],
    },
    Group {
        title: "Phone",
        scope: "phone",
        fields: &[hinted(
            field("phone_number", "Phone number", "tel", Kind::Phone),
            "With the country, like +33 1 23 45 67 89.",
        )],
    },
    Group {
        title: "Address",
        scope: "address",
        fields: &[
            field("street_address", "Street and number", "street-address", Kind::Lines),
            field("locality", "City", "address-level2", Kind::Text),
            field("region", "State or region", "address-level1", Kind::Text),
            field("postal_code", "Postal code", "postal-code", Kind::Text),
            field("country", "Country", "country-name", Kind::Text),
        ],
    },
];

/// All fields.
pub(super) fn all() -> impl Iterator<Item = &'static Field> {
    GROUPS.iter().flat_map(|group| group.fields)
}

fn is_of_address(name: &str) -> bool {
    matches!(name, "street_address" | "locality" | "region" | "postal_code" | "country")
}

/// What stands in the claim of this field.
pub(super) fn current(claims: &StandardClaims, name: &str) -> String {
    let claims = claims.to_map();
    let within = if is_of_address(name) {
        claims.get("address").and_then(|address| address.get(name))
    } else {
        claims.get(name)
    };
    within.and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// As it is kept: without spaces around it, lines as Unix ends them.
pub(super) fn tidied(typed: &str) -> String {
    typed.trim().replace("\r\n", "\n")
}

/// What is wrong with a value, in a sentence for who typed it.
pub(super) fn problem(field: &Field, value: &str) -> Option<&'static str> {
    if value.is_empty() {
        return None;
    }
    if field.kind == Kind::Link && !value.starts_with("https://") {
        return Some("This must be a web address that begins with https://.");
    }
    let alone = if is_of_address(field.name) {
        json!({ "address": { field.name: value } })
    } else {
        json!({ field.name: value })
    };
    let refused = StandardClaims::check(alone).is_err();
    refused.then(|| {
        if value.chars().count() > 1000 {
            return "This is too long: at most 1000 characters.";
        }
        match field.name {
            "birthdate" => "Write it as year-month-day, like 1990-12-31.",
            "locale" => "This is not a language tag. Try one like en or en-GB.",
            "zoneinfo" => "There is no such time zone. Try one like Europe/Paris.",
            "phone_number" => "Begin with + and the country, like +33 1 23 45 67 89.",
            "picture" | "profile" | "website" => "This is not a complete web address.",
            _ => "This has characters that cannot be shown.",
        }
    })
}

/// `claims` with `value` in place of what stood in the field.
pub(super) fn put(mut claims: StandardClaims, name: &str, value: String) -> StandardClaims {
    let value = Some(value).filter(|value| !value.is_empty());
    if is_of_address(name) {
        let mut address = claims.address.take().unwrap_or_default();
        match name {
            "street_address" => address.street_address = value,
            "locality" => address.locality = value,
            "region" => address.region = value,
            "postal_code" => address.postal_code = value,
            _ => address.country = value,
        }
        // It was written out from parts that are others now.
        address.formatted = None;
        claims.address = Some(address).filter(|address| *address != Address::default());
        return claims;
    }
    match name {
        "name" => claims.name = value,
        "nickname" => claims.nickname = value,
        "given_name" => claims.given_name = value,
        "family_name" => claims.family_name = value,
        "middle_name" => claims.middle_name = value,
        "birthdate" => claims.birthdate = value,
        "gender" => claims.gender = value,
        "picture" => claims.picture = value,
        "profile" => claims.profile = value,
        "website" => claims.website = value,
        "locale" => claims.locale = value,
        "zoneinfo" => claims.zoneinfo = value,
        "phone_number" => {
            // Another number was never proven.
            claims.phone_number_verified = value.as_ref().map(|_| false);
            claims.phone_number = value;
        }
        _ => {}
    }
    claims
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_a_claim_of_its_own() {
        for field in all() {
            let value = match field.name {
                "birthdate" => "0000-02-29",
                "zoneinfo" => "Asia/Kolkata",
                "locale" => "pt-BR",
                "phone_number" => "+43 1 5 0",
                _ if field.kind == Kind::Link => "https://a.example/",
                _ => "x",
            };
            assert_eq!(problem(field, value), None, "{}", field.name);
            let claims = put(StandardClaims::default(), field.name, value.to_owned());
            assert_eq!(current(&claims, field.name), value);
            assert!(StandardClaims::check(Value::from(claims.to_map())).is_ok(), "{}", field.name);
            let without = put(claims, field.name, String::new());
            assert_eq!(without, StandardClaims::default(), "{}", field.name);
        }
    }
}
