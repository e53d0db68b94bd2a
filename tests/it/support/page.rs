//! A page as a person sees it: its heading, its words, its forms and links.

use reqwest::header::{CONTENT_SECURITY_POLICY, HeaderMap};
use reqwest::{StatusCode, Url};
use scraper::{ElementRef, Html, Selector};

/// A page that was shown.
#[derive(Clone, Debug)]
pub struct Page {
    pub url: Url,
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
    forms: Vec<Form>,
}

/// A form of a page with what stands in its fields.
#[derive(Clone, Debug)]
pub struct Form {
    pub action: Url,
    pub method: String,
    fields: Vec<Field>,
    pub buttons: Vec<Button>,
}

#[derive(Clone, Debug)]
struct Field {
    name: String,
    label: String,
    value: String,
    /// A checkbox or radio button that is off, a disabled field: not sent.
    sent: bool,
}

/// What sends a form.
#[derive(Clone, Debug)]
pub struct Button {
    pub text: String,
    pub name: Option<String>,
    pub value: String,
    action: Option<Url>,
}

/// A form as it is sent.
#[derive(Clone, Debug)]
pub struct Submission {
    pub action: Url,
    pub method: String,
    pub fields: Vec<(String, String)>,
}

impl Page {
    /// Reads a page.
    pub fn read(url: Url, status: StatusCode, headers: HeaderMap, body: String) -> Self {
        let html = Html::parse_document(&body);
        let forms = html.select(&css("form")).map(|form| read_form(&html, form, &url)).collect();
        Self { url, status, headers, body, forms }
    }

    /// The one `<h1>`.
    pub fn heading(&self) -> String {
        let headings = self.texts("h1");
        assert_eq!(headings.len(), 1, "{} has {} headings h1", self.url, headings.len());
        headings[0].clone()
    }

    /// What `<title>` says.
    pub fn title(&self) -> String {
        self.texts("title").into_iter().next().unwrap_or_default()
    }

    /// All words of the page's body, spaces folded.
    pub fn text(&self) -> String {
        self.texts("body").join(" ")
    }

    /// Whether the page's words contain `words`.
    pub fn says(&self, words: &str) -> bool {
        self.text().contains(words)
    }

    /// The words of each element that fits `selector`.
    pub fn texts(&self, selector: &str) -> Vec<String> {
        let html = Html::parse_document(&self.body);
        html.select(&css(selector)).map(words).collect()
    }

    /// The attribute `name` of each element that fits `selector`.
    pub fn attributes(&self, selector: &str, name: &str) -> Vec<String> {
        let (html, selector) = (Html::parse_document(&self.body), css(selector));
        let found = html.select(&selector).filter_map(|element| element.attr(name));
        found.map(str::to_owned).collect()
    }

    /// Where the link with these words leads.
    pub fn link(&self, words_of_link: &str) -> Url {
        let html = Html::parse_document(&self.body);
        let links = css("a[href]");
        let found = html.select(&links).find(|link| alike(&words(*link), words_of_link));
        let found = found.unwrap_or_else(|| panic!("no link {words_of_link:?}: {self}"));
        self.url.join(found.attr("href").unwrap_or_default()).expect("a link is a URL")
    }

    /// The form that has a field or button called `what`, by label, name or words.
    pub fn form_with(&self, what: &str) -> &Form {
        let found = self.forms.iter().find(|form| form.has(what));
        found.unwrap_or_else(|| panic!("no form with {what:?}: {self}"))
    }

    /// All forms.
    pub fn forms(&self) -> &[Form] {
        &self.forms
    }

    /// Whether there is a field or button called `what`, by label, name or words.
    pub fn has(&self, what: &str) -> bool {
        self.forms.iter().any(|form| form.has(what))
    }

    /// Writes into the field with this label or name.
    #[must_use]
    pub fn fill(self, field: &str, value: &str) -> Self {
        self.change(field, |field| value.clone_into(&mut field.value))
    }

    /// Ticks the box with this label or name.
    #[must_use]
    pub fn tick(self, field: &str) -> Self {
        self.change(field, |field| field.sent = true)
    }

    /// Unticks the box with this label or name.
    #[must_use]
    pub fn untick(self, field: &str) -> Self {
        self.change(field, |field| field.sent = false)
    }

    /// What stands in the field with this label or name.
    pub fn value(&self, field: &str) -> &str {
        let found = self.forms.iter().flat_map(|form| &form.fields).find(|f| f.is(field));
        &found.unwrap_or_else(|| panic!("no field {field:?}: {self}")).value
    }

    fn change(mut self, field: &str, change: impl FnOnce(&mut Field)) -> Self {
        let fields = || self.forms.iter().flat_map(|form| &form.fields);
        let exact = fields().position(|f| f.name == field);
        let found = exact.or_else(|| fields().position(|f| f.is(field)));
        let at = found.unwrap_or_else(|| panic!("no field {field:?}: {self}"));
        let mut fields = self.forms.iter_mut().flat_map(|form| &mut form.fields);
        change(fields.nth(at).expect("it was just found"));
        self
    }

    /// The form as it is sent by the button with these words or this value.
    pub fn submission(&self, button: &str) -> Submission {
        let found = self.forms.iter().find_map(|form| {
            form.buttons.iter().find(|b| b.is(button)).map(|button| (form, button))
        });
        let (form, button) = found.unwrap_or_else(|| panic!("no button {button:?}: {self}"));
        form.submission(Some(button))
    }

    /// The sources of the page's `form-action`, if it has the directive.
    pub fn form_action(&self) -> Option<Vec<String>> {
        let policy = self.headers.get(CONTENT_SECURITY_POLICY)?.to_str().ok()?;
        let directive = policy.split(';').find_map(|d| d.trim().strip_prefix("form-action "))?;
        Some(directive.split_whitespace().map(str::to_owned).collect())
    }
}

impl std::fmt::Display for Page {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the page {} ({}) says: {}", self.url, self.status, self.text())
    }
}

impl Form {
    fn has(&self, what: &str) -> bool {
        self.fields.iter().any(|field| field.is(what)) || self.buttons.iter().any(|b| b.is(what))
    }

    /// The form as it is sent by `button`, or by Enter.
    pub fn submission(&self, button: Option<&Button>) -> Submission {
        let sent = self.fields.iter().filter(|field| field.sent && !field.name.is_empty());
        let mut fields: Vec<_> = sent.map(|f| (f.name.clone(), f.value.clone())).collect();
        let button = button.or(self.buttons.first());
        if let Some((name, value)) = button.and_then(|b| Some((b.name.clone()?, b.value.clone()))) {
            fields.push((name, value));
        }
        let action = button.and_then(|button| button.action.clone());
        let action = action.unwrap_or_else(|| self.action.clone());
        Submission { action, method: self.method.clone(), fields }
    }
}

impl Field {
    fn is(&self, what: &str) -> bool {
        self.name == what || alike(&self.label, what)
    }
}

impl Button {
    fn is(&self, what: &str) -> bool {
        self.value == what || alike(&self.text, what)
    }
}

/// Whether a person who looks for `wanted` takes `shown` for it.
fn alike(shown: &str, wanted: &str) -> bool {
    shown.to_lowercase().starts_with(&wanted.to_lowercase())
}

fn css(selector: &str) -> Selector {
    Selector::parse(selector).expect("a selector that can be read")
}

fn words(element: ElementRef<'_>) -> String {
    let text: Vec<&str> = element.text().flat_map(str::split_whitespace).collect();
    text.join(" ")
}

fn read_form(html: &Html, form: ElementRef<'_>, url: &Url) -> Form {
    let at = |action: &str| url.join(action).expect("a form's action is a URL");
    let id = form.attr("id");
    let belongs = |element: &ElementRef<'_>| match element.attr("form") {
        Some(other) => Some(other) == id,
        None => element.ancestors().any(|ancestor| ancestor.id() == form.id()),
    };
    let controls = css("input, textarea, select");
    let fields = html.select(&controls).filter(belongs).filter_map(|e| read_field(html, e));
    let clickable = css("button:not([type=button]):not([type=reset]), input[type=submit]");
    let buttons = html.select(&clickable).filter(belongs).map(|button| Button {
        text: match button.value().name() {
            "input" => button.attr("value").unwrap_or("Submit").to_owned(),
            _ => words(button),
        },
        name: button.attr("name").map(str::to_owned),
        value: button.attr("value").unwrap_or_default().to_owned(),
        action: button.attr("formaction").map(at),
    });
    Form {
        action: at(form.attr("action").unwrap_or_default()),
        method: form.attr("method").unwrap_or("get").to_ascii_lowercase(),
        fields: fields.collect(),
        buttons: buttons.collect(),
    }
}

fn read_field(html: &Html, element: ElementRef<'_>) -> Option<Field> {
    let kind = element.attr("type").unwrap_or("text").to_ascii_lowercase();
    let value = match element.value().name() {
        "textarea" => element.text().collect(),
        "select" => selected(element),
        _ if matches!(kind.as_str(), "submit" | "button" | "reset" | "image" | "file") => {
            return None;
        }
        _ => element.attr("value").unwrap_or_default().to_owned(),
    };
    let checkable = matches!(kind.as_str(), "checkbox" | "radio");
    let value = if checkable && element.attr("value").is_none() { "on".to_owned() } else { value };
    let on = !checkable || element.attr("checked").is_some();
    Some(Field {
        name: element.attr("name").unwrap_or_default().to_owned(),
        label: label_of(html, element),
        value,
        sent: on && element.attr("disabled").is_none(),
    })
}

fn selected(select: ElementRef<'_>) -> String {
    let options: Vec<_> = select.select(&css("option")).collect();
    let chosen = options.iter().find(|option| option.attr("selected").is_some());
    let chosen = chosen.or(options.first());
    let value = |option: &ElementRef<'_>| match option.attr("value") {
        Some(value) => value.to_owned(),
        None => words(*option),
    };
    chosen.map(value).unwrap_or_default()
}

fn label_of(html: &Html, element: ElementRef<'_>) -> String {
    let labels = css("label");
    let own = element.attr("id");
    let names = |label: &ElementRef<'_>| match label.attr("for") {
        Some(id) => Some(id) == own,
        None => element.ancestors().any(|ancestor| ancestor.id() == label.id()),
    };
    let found = html.select(&labels).find(names).map(words);
    found.or_else(|| element.attr("aria-label").map(str::to_owned)).unwrap_or_default()
}
