//! How deep JSON is nested, measured before any parser that recurses sees it.
//!
//! A stack that overflows ends the whole process, whoever sent the text (CVE-2026-46689).

/// The depth of arrays and objects in `json`, without recursion; brackets in strings do not count.
#[must_use]
pub fn json_depth(json: &[u8]) -> usize {
    let (mut now, mut deepest) = (0_usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                now += 1;
                deepest = deepest.max(now);
            }
            b']' | b'}' if !in_string => now = now.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::json_depth;

    #[test]
    fn brackets_count_outside_of_strings() {
        assert_eq!(json_depth(b"1"), 0);
        assert_eq!(json_depth(br#"{"a":[{}],"b":"[[[["}"#), 3);
        assert_eq!(json_depth(br#"{"a":"\\\"[[["}"#), 1);
        assert_eq!(json_depth("[".repeat(1_000_000).as_bytes()), 1_000_000);
    }
}
