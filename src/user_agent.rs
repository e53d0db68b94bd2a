//! A `User-Agent` header as a person would name the device: "Chrome 156 on Linux".

use woothee::parser::Parser;

/// Programs that woothee does not know, by the product that their header begins with.
const PROGRAMS: [(&str, &str); 9] = [
    ("curl", "curl"),
    ("wget", "Wget"),
    ("python-requests", "a Python program"),
    ("python-httpx", "a Python program"),
    ("python-urllib", "a Python program"),
    ("go-http-client", "a Go program"),
    ("okhttp", "an Android program"),
    ("node", "a Node.js program"),
    ("postmanruntime", "Postman"),
];

/// The words for `header`; `None` when nothing can be told.
#[must_use]
pub fn describe(header: &str) -> Option<String> {
    let product = header.split(['/', ' ']).next().unwrap_or_default().to_lowercase();
    if let Some((_, name)) = PROGRAMS.iter().find(|(known, _)| *known == product) {
        return Some((*name).to_owned());
    }
    let found = Parser::new().parse(header)?;
    let known = |text: &str| Some(text.to_owned()).filter(|text| text != "UNKNOWN");
    let browser = known(found.name).map(|name| {
        let major =
            found.version.split('.').next().filter(|major| {
                !major.is_empty() && major.chars().all(|digit| digit.is_ascii_digit())
            });
        major.map_or_else(|| name.clone(), |major| format!("{name} {major}"))
    });
    let system = known(found.os).map(|os| match os.as_str() {
        "Mac OSX" => "macOS".to_owned(),
        "Windows UNKNOWN Ver" => "Windows".to_owned(),
        _ => os,
    });
    match (browser, system) {
        (Some(browser), Some(system)) => Some(format!("{browser} on {system}")),
        (Some(one), None) | (None, Some(one)) => Some(one),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::describe;

    #[test]
    fn devices_are_named_as_people_name_them() {
        let told = [
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/156.0.0.0 Safari/537.36",
                Some("Chrome 156 on Linux"),
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 \
                 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
                Some("Safari 18 on iPhone"),
            ),
            ("curl/8.5.0", Some("curl")),
            ("", None),
            ("\u{202e}\u{0}???", None),
        ];
        for (header, words) in told {
            assert_eq!(describe(header).as_deref(), words, "{header}");
        }
    }
}
