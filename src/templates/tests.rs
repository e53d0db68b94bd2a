//! Every page with its samples, and what an operator's folder may hold.

use std::collections::BTreeSet;
use std::fs;

use scraper::{Html, Selector};

use super::*;

fn brand() -> Brand {
    Brand {
        name: "Latchkey".into(),
        logo: None,
        primary_color: None,
        support_url: Some("https://help.example".into()),
        support_email: Some("help@example.com".into()),
    }
}

/// The pages with an operator's folder of these files.
fn with_files(files: &[(&str, &str)]) -> Result<Templates> {
    let folder = tempfile::tempdir().unwrap();
    for (name, source) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, source).unwrap();
    }
    Templates::open(&brand(), Some(folder.path()))
}

fn refusal(files: &[(&str, &str)]) -> String {
    format!("{:#}", with_files(files).unwrap_err())
}

/// Every page with every sample: its name and case, and what came out.
fn rendered() -> Vec<(String, String)> {
    let templates = Templates::open(&brand(), None).unwrap();
    let render = |sample: samples::Sample| {
        let html = templates.render(sample.template, &sample.shared, &sample.page).unwrap();
        (format!("{} ({})", sample.template, sample.case), html)
    };
    samples::all().into_iter().map(render).collect()
}

fn attributes(page: &Html, selector: &str, attribute: &str) -> Vec<String> {
    let selector = Selector::parse(selector).unwrap();
    page.select(&selector)
        .filter_map(|element| element.attr(attribute).map(str::to_owned))
        .collect()
}

#[test]
fn every_page_has_a_sample() {
    let mut sampled: BTreeSet<_> = samples::all().iter().map(|sample| sample.template).collect();
    sampled.extend(mail_samples::all().iter().map(|sample| sample.template));
    for (name, _) in built_in().unwrap() {
        let part = name.starts_with("components/")
            || name.starts_with("mail/layout.")
            || matches!(name.as_str(), "base.html" | "account/shell.html");
        assert!(part || sampled.contains(name.as_str()), "{name} has no sample");
    }
}

#[test]
fn a_page_names_its_fields_and_has_one_heading_and_one_main() {
    for (name, html) in rendered() {
        let page = Html::parse_document(&html);
        for unique in ["h1", "main#main", "title", "html[lang]"] {
            let selector = Selector::parse(unique).unwrap();
            assert_eq!(page.select(&selector).count(), 1, "{name}: {unique}");
        }
        let ids = attributes(&page, "[id]", "id");
        let distinct: BTreeSet<_> = ids.iter().collect();
        assert_eq!(ids.len(), distinct.len(), "{name}: an id stands twice");
        for field in attributes(&page, "input:not([type=hidden])", "id") {
            assert!(attributes(&page, "label", "for").contains(&field), "{name}: {field}");
        }
        for attribute in ["aria-describedby", "aria-labelledby", "data-reveals"] {
            for value in attributes(&page, &format!("[{attribute}]"), attribute) {
                for id in value.split(' ') {
                    assert!(distinct.contains(&id.to_owned()), "{name}: {attribute} {id}");
                }
            }
        }
    }
}

#[test]
fn a_page_holds_nothing_that_the_content_security_policy_forbids() {
    let handlers =
        Selector::parse("[style], [onclick], [onload], [onsubmit], style, iframe, object");
    let handlers = handlers.unwrap();
    let inline = Selector::parse("script:not([src]):not([nonce])").unwrap();
    for (name, html) in rendered() {
        let page = Html::parse_document(&html);
        assert_eq!(page.select(&handlers).count(), 0, "{name}");
        assert_eq!(page.select(&inline).count(), 0, "{name}");
        let mut sources = attributes(&page, "[src]", "src");
        sources.extend(attributes(&page, "link", "href"));
        for source in sources {
            assert!(source.starts_with("/assets/"), "{name}: {source}");
        }
    }
}

#[test]
fn every_form_posts_the_csrf_token_but_the_answer_to_an_application() {
    let form = Selector::parse("form").unwrap();
    let token = Selector::parse("input[type=hidden][name=csrf][value=sample]").unwrap();
    for (name, html) in rendered() {
        for form in Html::parse_document(&html).select(&form) {
            // What only asks changes nothing, and its token would stand in the address.
            if form.attr("method") == Some("get") {
                assert_eq!(form.select(&token).count(), 0, "{name}");
                continue;
            }
            assert_eq!(form.attr("method"), Some("post"), "{name}");
            let expected = usize::from(!name.starts_with("form_post"));
            assert_eq!(form.select(&token).count(), expected, "{name}");
        }
    }
}

#[test]
fn what_an_application_registered_is_only_text() {
    let other_site = Selector::parse("a[target=_blank]").unwrap();
    for (name, html) in rendered() {
        assert!(!html.contains("<script>"), "{name}");
        assert!(!html.contains("&amp;amp;") && !html.contains("&amp;#"), "{name}: escaped twice");
        let page = Html::parse_document(&html);
        for link in attributes(&page, "a", "href") {
            // An app on the same device, and a file that lies in the page itself.
            let own = ["otpauth://totp/", "data:text/plain;charset=utf-8;base64,"];
            let safe = [&["https://", "/", "#main", "mailto:"][..], &own].concat();
            assert!(safe.iter().any(|start| link.starts_with(start)), "{name}: {link}");
        }
        for link in page.select(&other_site) {
            assert_eq!(link.attr("rel"), Some("noopener noreferrer nofollow"), "{name}");
        }
    }
}

#[test]
fn a_value_that_a_page_is_not_given_is_an_error_without_the_values_it_was_given() {
    let templates = Templates::open(&brand(), None).unwrap();
    let page = serde_json::json!({ "action": "/login", "username": "alice-was-here" });
    let error = templates.render("sign_in/login.html", &samples::SHARED, &page).unwrap_err();
    let text = format!("{error:#} {error:?}");
    assert!(text.contains("sign_in/login.html") && text.contains("undefined"), "{text}");
    assert!(!text.contains("alice-was-here"), "{text}");
}

#[test]
fn an_operators_page_replaces_ours() {
    let page = "{% extends 'base.html' %}{% block main %}<main id=main>{% include 'custom/a.html' %}\
                {{ title }}</main>{% endblock %}";
    let files = [("error.html", page), ("custom/a.html", "Hear:"), ("README.md", "{% broken")];
    let templates = with_files(&files).unwrap();
    let sample = samples::all().into_iter().find(|sample| sample.template == "error.html").unwrap();
    let html = templates.render("error.html", &samples::SHARED, &sample.page).unwrap();
    assert!(html.contains("Hear:This request can’t be completed"), "{html}");
}

#[test]
fn a_mail_loads_nothing_and_holds_only_text_of_others() {
    let templates = Templates::open(&brand(), None).unwrap();
    let loads = Selector::parse("img, script, link, iframe, form, [onclick]").unwrap();
    for sample in mail_samples::all() {
        let mail = templates.render(sample.template, &samples::SHARED, &sample.page).unwrap();
        let name = format!("{} ({})", sample.template, sample.case);
        if has_ending(sample.template, "txt") {
            assert!(mail.starts_with("Subject: ") && !mail.contains("&amp;"), "{name}: {mail}");
            continue;
        }
        let page = Html::parse_document(&mail);
        assert_eq!(page.select(&loads).count(), 0, "{name}");
        assert!(!mail.contains("url(") && !mail.contains("@import"), "{name}");
        assert!(!mail.contains("<script>") && !mail.contains("&amp;amp;"), "{name}");
        for link in attributes(&page, "a", "href") {
            assert!(link.starts_with("https://") || link.starts_with("mailto:"), "{name}: {link}");
        }
        assert!(mail.len() < 10_000, "{name}");
    }
}

#[test]
fn an_operators_mail_replaces_ours() {
    let words = "Subject: {{ brand.name }}\n\nYour code of honour, {{ person }}";
    let files = [("mail/two_factor_on.txt", words), ("notes.txt", "{% broken")];
    let templates = with_files(&files).unwrap();
    let sample = mail_samples::all().into_iter().find(|s| s.template == files[0].0).unwrap();
    let mail = templates.render(files[0].0, &samples::SHARED, &sample.page).unwrap();
    assert_eq!(mail, "Subject: Latchkey\n\nYour code of honour, bob");
    let unknown = refusal(&[("mail/recovery.txt", "{{ lnk }}")]);
    assert!(unknown.contains("mail/recovery.txt") && unknown.contains("undefined"), "{unknown}");
    let misspelt = refusal(&[("mail/recover.txt", "")]);
    assert!(misspelt.contains("replaces no built-in"), "{misspelt}");
}

#[test]
fn an_operators_page_that_cannot_be_shown_stops_the_start() {
    let broken = refusal(&[("sign_in/login.html", "\n{% if %}")]);
    assert!(broken.contains("sign_in/login.html") && broken.contains(":2"), "{broken}");
    let unknown = refusal(&[("sign_in/consent.html", "{{ application.nmae }}")]);
    assert!(unknown.contains("sign_in/consent.html") && unknown.contains("undefined"), "{unknown}");
    let missing = refusal(&[("error.html", "{% include 'custom/none.html' %}")]);
    assert!(missing.contains("custom/none.html"), "{missing}");
    let asset = refusal(&[("error.html", "{{ asset('none.css') }}")]);
    assert!(asset.contains("none.css"), "{asset}");
    let misspelt = refusal(&[("sign_in/logn.html", "")]);
    assert!(misspelt.contains("replaces no built-in page"), "{misspelt}");
}

#[test]
fn a_folder_or_color_that_is_none_stops_the_start() {
    let absent = Templates::open(&brand(), Some(Path::new("/nonexistent"))).unwrap_err();
    assert!(format!("{absent:#}").contains("templates.directory"), "{absent:#}");
    let red = Brand { primary_color: Some("red".into()), ..brand() };
    let error = format!("{:#}", Templates::open(&red, None).unwrap_err());
    assert!(error.contains("branding.primary_color"), "{error}");
}

#[test]
fn an_asset_is_small_and_its_url_changes_with_its_content() {
    assert!(assets::find("app.css").unwrap().bytes.len() < 46_000);
    assert!(assets::find("app.js").unwrap().bytes.len() < 14_000);
    assert!(assets::packed("app.css").unwrap().len() < 12_000);
    assert!(assets::packed("app.js").unwrap().len() < 5_000);
    for path in ["app.css", "app.js", "icon.svg"] {
        let url = assets::url_of(path, &assets::find(path).unwrap().bytes);
        assert_eq!(assets::url(path), Some(url.as_str()));
        assert!(url.starts_with(&format!("/assets/{path}?v=")), "{url}");
    }
    assert_ne!(assets::url_of("brand.css", b"a"), assets::url_of("brand.css", b"b"));
    assert!(assets::find("../Cargo.toml").is_none() && assets::find("none.css").is_none());
    assert!(rendered().iter().all(|(_, html)| html.len() < 40_000));
}

#[test]
fn a_color_of_ones_own_is_a_style_sheet_and_nothing_else() {
    let color = brand::Color::parse("#FFD400").unwrap();
    let url = assets::color_url(color);
    assert!(url.starts_with("/assets/color/ffd400.css?v="), "{url}");
    let sheet = assets::find("color/ffd400.css").unwrap();
    assert_eq!(sheet.bytes, color.stylesheet().as_bytes());
    for none in ["color/red.css", "color/fff.css", "color/../app.css", "color/12345g.css"] {
        assert!(assets::find(none).is_none(), "{none}");
    }
}

/// What `scripts/screenshots` looks at: every page in both themes and every mail, written to the folder `PREVIEW`.
#[test]
#[ignore = "writes files for scripts/screenshots"]
fn preview() {
    let folder = PathBuf::from(std::env::var_os("PREVIEW").expect("PREVIEW names a folder"));
    let brand = Brand { primary_color: std::env::var("PREVIEW_COLOR").ok(), ..brand() };
    let templates = Templates::open(&brand, None).unwrap();
    for theme in [Theme::Light, Theme::Dark] {
        for sample in samples::all() {
            let shared = Shared { theme: Some(theme), ..sample.shared };
            let html = templates.render(sample.template, &shared, &sample.page).unwrap();
            let page = sample.template.trim_end_matches(".html");
            let name = format!("{page}-{}-{theme:?}.html", sample.case).to_lowercase();
            fs::write(folder.join(name.replace([' ', '/'], "-")), html).unwrap();
        }
    }
    // Mail programs know no themes of ours: it is the browser that is light or dark.
    let mails = mail_samples::all().into_iter().filter(|one| has_ending(one.template, "html"));
    for sample in mails {
        let html = templates.render(sample.template, &sample.shared, &sample.page).unwrap();
        let mail = sample.template.trim_end_matches(".html");
        for theme in ["light", "dark"] {
            let name = format!("{mail}-{}-{theme}.html", sample.case).replace([' ', '/'], "-");
            fs::write(folder.join(name), &html).unwrap();
        }
    }
    fs::create_dir_all(folder.join("assets")).unwrap();
    fs::write(folder.join("assets/brand.css"), templates.brand_stylesheet()).unwrap();
    fs::write(folder.join("assets").join(settings::SCRIPT), settings::script()).unwrap();
}
