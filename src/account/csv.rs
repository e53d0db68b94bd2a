//! The cells of a file for spreadsheets.

/// One cell of RFC 4180. What a spreadsheet would take for a formula becomes text by a leading
/// apostrophe: user agents and names of applications are written by strangers.
#[must_use]
pub fn cell(value: &str) -> String {
    let formula = value
        .trim_start()
        .starts_with(['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'])
        || value.starts_with(['\t', '\r', '\n']);
    let value = if formula { format!("'{value}") } else { value.to_owned() };
    if value.contains(['"', ',', '\r', '\n', ';', '\t']) {
        format!("\"{}\"", value.replace('"', "\"\""))
    } else {
        value
    }
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn no_cell_is_a_formula_and_none_breaks_out_of_its_place() {
        let told = [
            ("plain", "plain"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\r\nlines", "\"two\r\nlines\""),
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            (" =1", "' =1"),
            ("\t=1", "\"'\t=1\""),
            ("=cmd|' /C calc'!A0,\"x\"", "\"'=cmd|' /C calc'!A0,\"\"x\"\"\""),
            ("\u{ff1d}1", "'\u{ff1d}1"),
        ];
        for (value, written) in told {
            assert_eq!(cell(value), written, "{value:?}");
        }
    }
}
