//! Headers as they come in the field.

use super::Kind::{Desktop, Phone, Program, Tablet, Unknown};
use super::*;

/// What engines say between system and product.
const WEBKIT: &str = "AppleWebKit/537.36 (KHTML, like Gecko)";
const APPLE: &str = "AppleWebKit/605.1.15 (KHTML, like Gecko)";

/// The header of a browser: `Mozilla/5.0 (system) engine products`.
fn header(system: &str, products: &str) -> String {
    format!("Mozilla/5.0 ({system}) {products}")
}

const WINDOWS: &str = "Windows NT 10.0; Win64; x64";
const MAC: &str = "Macintosh; Intel Mac OS X 10_15_7";
const LINUX: &str = "X11; Linux x86_64";
const PIXEL: &str = "Linux; Android 10; K";
const IPHONE: &str = "iPhone; CPU iPhone OS 18_5 like Mac OS X";
const IPAD: &str = "iPad; CPU OS 17_7 like Mac OS X";

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn browsers_are_named_as_people_name_them() {
    let chrome = format!("{WEBKIT} Chrome/156.0.0.0 Safari/537.36");
    let mobile = format!("{WEBKIT} Chrome/156.0.0.0 Mobile Safari/537.36");
    let chromium = |more: &str| format!("{chrome} {more}");
    let on_ios = |product: &str| format!("{APPLE} {product} Mobile/15E148 Safari/604.1");
    for (system, products, words, kind) in [
        (WINDOWS, chrome.clone(), "Chrome 156 on Windows", Desktop),
        (MAC, chrome.clone(), "Chrome 156 on macOS", Desktop),
        (LINUX, chrome.clone(), "Chrome 156 on Linux", Desktop),
        ("X11; CrOS x86_64 14541.0.0", chrome.clone(), "Chrome 156 on ChromeOS", Desktop),
        (PIXEL, mobile.clone(), "Chrome 156 on Android", Phone),
        (PIXEL, chrome.clone(), "Chrome 156 on Android", Tablet),
        (IPHONE, on_ios("CriOS/155.0.7444.77"), "Chrome 155 on iPhone", Phone),
        (IPAD, on_ios("CriOS/155.0.7444.77"), "Chrome 155 on iPad", Tablet),
        (
            MAC,
            format!("{APPLE} CriOS/155.0 Version/18.5 Safari/605.1.15"),
            "Chrome 155 on iPad",
            Tablet,
        ),
        (
            "Windows NT 10.0; Win64; x64; rv:147.0",
            "Gecko/20100101 Firefox/147.0".into(),
            "Firefox 147 on Windows",
            Desktop,
        ),
        (
            "Macintosh; Intel Mac OS X 10.15; rv:147.0",
            "Gecko/20100101 Firefox/147.0".into(),
            "Firefox 147 on macOS",
            Desktop,
        ),
        (
            "X11; Ubuntu; Linux x86_64; rv:147.0",
            "Gecko/20100101 Firefox/147.0".into(),
            "Firefox 147 on Linux",
            Desktop,
        ),
        (
            "Android 15; Mobile; rv:147.0",
            "Gecko/147.0 Firefox/147.0".into(),
            "Firefox 147 on Android",
            Phone,
        ),
        (
            "Android 15; Tablet; rv:147.0",
            "Gecko/147.0 Firefox/147.0".into(),
            "Firefox 147 on Android",
            Tablet,
        ),
        (IPHONE, on_ios("FxiOS/146.0"), "Firefox 146 on iPhone", Phone),
        (IPAD, on_ios("FxiOS/146.0"), "Firefox 146 on iPad", Tablet),
        (MAC, format!("{APPLE} Version/18.5 Safari/605.1.15"), "Safari 18 on macOS", Desktop),
        (IPHONE, on_ios("Version/18.5"), "Safari 18 on iPhone", Phone),
        (IPAD, on_ios("Version/17.7"), "Safari 17 on iPad", Tablet),
        (WINDOWS, chromium("Edg/156.0.0.0"), "Edge 156 on Windows", Desktop),
        (MAC, chromium("Edg/156.0.0.0"), "Edge 156 on macOS", Desktop),
        (PIXEL, format!("{mobile} EdgA/155.0.0.0"), "Edge 155 on Android", Phone),
        (IPHONE, on_ios("Version/18.0 EdgiOS/155.0.3595.63"), "Edge 155 on iPhone", Phone),
        (WINDOWS, chromium("OPR/124.0.0.0"), "Opera 124 on Windows", Desktop),
        (WINDOWS, chromium("Vivaldi/7.7"), "Vivaldi 7 on Windows", Desktop),
        (WINDOWS, chromium("YaBrowser/25.10"), "Yandex Browser 25 on Windows", Desktop),
        (
            PIXEL,
            format!("{WEBKIT} SamsungBrowser/29.0 Chrome/136.0.0.0 Mobile Safari/537.36"),
            "Samsung Internet 29 on Android",
            Phone,
        ),
        (PIXEL, format!("{mobile} Ddg/15.0"), "DuckDuckGo 15 on Android", Phone),
        (IPHONE, on_ios("GSA/390.0.1234"), "Google app 390 on iPhone", Phone),
        (
            LINUX,
            format!("{APPLE} Version/26.0 Safari/605.1.15 Epiphany/49.1"),
            "GNOME Web 49 on Linux",
            Desktop,
        ),
        (
            "Linux; Android 15; Pixel 9; wv",
            format!("{WEBKIT} Version/4.0 Chrome/156.0.0.0 Mobile Safari/537.36"),
            "an Android app on Android",
            Phone,
        ),
        (
            "Windows NT 10.0; WOW64; Trident/7.0; rv:11.0",
            "like Gecko".into(),
            "Internet Explorer 11 on Windows",
            Desktop,
        ),
        (
            "Windows NT 6.1; WOW64; rv:115.0",
            "Gecko/20100101 Firefox/115.0".into(),
            "Firefox 115 on Windows 7",
            Desktop,
        ),
        (
            "X11; FreeBSD amd64; rv:146.0",
            "Gecko/20100101 Firefox/146.0".into(),
            "Firefox 146 on FreeBSD",
            Desktop,
        ),
        (
            LINUX,
            format!("{WEBKIT} HeadlessChrome/149.0.0.0 Safari/537.36"),
            "Headless Chrome 149 on Linux",
            Desktop,
        ),
        ("Linux; Android 13; CUBOT P80", mobile.clone(), "Chrome 156 on Android", Phone),
        (
            "PlayStation 5 5.02",
            format!("{APPLE} Version/13.0 Safari/605.1.15"),
            "Safari 13 on PlayStation",
            Unknown,
        ),
    ] {
        let header = header(system, &products);
        let device = Device::of(&header);
        assert_eq!(device.words().as_deref(), Some(words), "{header}");
        assert_eq!(device.kind, kind, "{header}");
        assert_eq!(describe(&header).as_deref(), Some(words));
    }
}

#[test]
fn programs_and_crawlers_are_told_from_people() {
    let google = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";
    for (header, words) in [
        ("curl/8.5.0", "curl"),
        ("Wget/1.24.5", "Wget"),
        ("HTTPie/3.2.4", "HTTPie"),
        ("PostmanRuntime/7.49.1", "Postman"),
        ("python-requests/2.32.5", "a Python program"),
        ("Python/3.13 aiohttp/3.13.2", "a Python program"),
        ("Go-http-client/2.0", "a Go program"),
        ("okhttp/5.3.0", "an Android program"),
        ("Dalvik/2.1.0 (Linux; U; Android 15; Pixel 9 Build/AP4A)", "an Android program"),
        ("Dart/3.10 (dart:io)", "a Dart program"),
        ("node", "a Node.js program"),
        ("axios/1.13.2", "a Node.js program"),
        ("Java-http-client/25.0.1", "a Java program"),
        ("Apache-HttpClient/5.5 (Java/21.0.9)", "a Java program"),
        ("GuzzleHttp/7", "a PHP program"),
        ("git/2.51.2", "Git"),
        ("Photos/1.4 CFNetwork/3860.200.71 Darwin/25.1.0", "an Apple program"),
        (
            "Mozilla/5.0 (Windows NT; Windows NT 10.0; de-DE) WindowsPowerShell/5.1.26100",
            "PowerShell",
        ),
        (google, "Googlebot"),
        ("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", "bingbot"),
        ("facebookexternalhit/1.1", "facebookexternalhit"),
        ("photo-sync/1.4 (headless)", "photo-sync"),
        ("my_tool/v2", "my_tool"),
    ] {
        let device = Device::of(header);
        assert_eq!(device.words().as_deref(), Some(words), "{header}");
        assert_eq!(device.kind, Program, "{header}");
    }
}

#[test]
fn what_says_nothing_is_told_as_nothing() {
    let long = "x".repeat(300);
    for header in
        ["", " ", "-", "\u{202e}\u{0}???", "Mozilla/5.0", "///", "a/b/c", "<b>x</b>/1", &long]
    {
        let device = Device::of(header);
        assert_eq!(device.words(), None, "{header:?}");
        assert_eq!(device.kind, Unknown, "{header:?}");
    }
    // Half a header is half an answer.
    assert_eq!(describe("Mozilla/5.0 (X11; Linux x86_64)").as_deref(), Some("Linux"));
    assert_eq!(describe("Mozilla/5.0 Firefox/147.0").as_deref(), Some("Firefox 147"));
}

#[test]
fn each_kind_has_its_icon() {
    let icons = include_str!("../../templates/components/icons.html");
    for kind in [Desktop, Phone, Tablet, Program, Unknown] {
        assert!(icons.contains(&format!("name == \"{}\"", kind.icon())), "{kind:?}");
    }
    assert_eq!(serde_json::to_value(Tablet).unwrap(), "tablet");
}
