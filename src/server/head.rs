//! The head of an HTTP/1.1 request as it came, beside hyper's reading of it.

/// Where the first head ends in `bytes`. Empty lines before a request are no head (RFC 9112 §2.2).
#[must_use]
pub fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let (mut end, mut begun) = (0, false);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        end += line.len();
        if !line.ends_with(b"\n") {
            return None;
        }
        let is_empty = matches!(line, b"\n" | b"\r\n");
        if is_empty && begun {
            return Some(end);
        }
        begun |= !is_empty;
    }
    None
}

/// Whether it can be read in two ways: it gives the length of its body twice or in two ways (RFC 9112
/// §6.3), or a line ends in a bare line feed (§2.2).
#[must_use]
pub fn is_ambiguous(head: &[u8]) -> bool {
    let (mut lengths, mut bare) = (0, false);
    for line in head.split_inclusive(|byte| *byte == b'\n') {
        bare |= !line.ends_with(b"\r\n");
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        let tells = |wanted: &[u8]| name.eq_ignore_ascii_case(wanted);
        lengths += usize::from(tells(b"content-length") || tells(b"transfer-encoding"));
    }
    bare || lengths > 1
}
