//! Built-in pages and mails, and the operator's that replace them; all of them checked at start.

mod application_samples;
pub mod assets;
pub mod brand;
mod mail_samples;
mod samples;
pub mod settings;
#[cfg(test)]
mod tests;
mod two_factor_samples;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value, context};
use rust_embed::RustEmbed;
use serde::{Deserialize, Serialize};

use self::assets::BRAND_STYLESHEET;
use self::brand::Brand;

#[derive(RustEmbed)]
#[folder = "templates/"]
struct BuiltIn;

/// Where an operator may put files that are no pages, for their own pages to include.
const CUSTOM: &str = "custom/";

/// Every page by its name, ready to be filled.
#[derive(Debug)]
pub struct Templates {
    environment: Environment<'static>,
    brand_stylesheet: String,
}

/// What every page can use, beside its own data.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Shared<'a> {
    /// Posted back by every form; empty on a page without one.
    pub csrf: &'a str,
    /// Of the page's one inline script, as the content security policy of this response names it.
    pub nonce: Option<&'a str>,
    /// What the person chose, or nothing to follow the device.
    pub theme: Option<Theme>,
    /// The language of the page's text (BCP 47).
    pub lang: &'a str,
    /// `bordered`, or nothing for the usual.
    pub skin: Option<&'static str>,
    /// `collapsed` or `horizontal`, or nothing for the usual.
    pub navigation: Option<&'static str>,
    /// `wide`, or nothing for the usual.
    pub width: Option<&'static str>,
    /// The URL of a style sheet with the person's own colour.
    pub accent: Option<&'a str>,
    /// The day on which the account of who looks at it will be removed, in words.
    pub removal: Option<&'a str>,
    /// How far who looks at it has come in securing their account, in words.
    pub securing: Option<&'a str>,
}

impl Shared<'_> {
    /// Of a page that nobody has signed in to.
    const NOTHING: Self = Self {
        csrf: "",
        nonce: None,
        theme: None,
        lang: "en",
        skin: None,
        navigation: None,
        width: None,
        accent: None,
        removal: None,
        securing: None,
    };
}

impl Default for Shared<'_> {
    fn default() -> Self {
        Self::NOTHING
    }
}

/// A page's colours.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

impl Templates {
    /// The built-in pages, with those that `directory` replaces.
    ///
    /// Fails if a file there does not compile, does not render with sample data, or bears a name
    /// that no page has.
    pub fn open(brand: &Brand, directory: Option<&Path>) -> Result<Self> {
        let brand_stylesheet = brand.stylesheet()?;
        let mut environment = environment(brand, &brand_stylesheet)?;
        let replaced = match directory {
            Some(directory) => replacements(directory)?,
            None => BTreeMap::new(),
        };
        for (name, source) in built_in()? {
            if !replaced.contains_key(&name) {
                environment.add_template_owned(name, source)?;
            }
        }
        for (name, (path, source)) in &replaced {
            environment
                .add_template_owned(name.clone(), source.clone())
                .map_err(|error| explain(&error))
                .with_context(|| format!("the template {} does not compile", path.display()))?;
        }
        let templates = Self { environment, brand_stylesheet };
        if let (Some(directory), false) = (directory, replaced.is_empty()) {
            templates.try_samples().with_context(|| {
                format!("the templates in {} do not fit the built-in ones", directory.display())
            })?;
        }
        Ok(templates)
    }

    /// The page `name` (`sign_in/login.html`) filled with `page`.
    ///
    /// Fails if the page uses a value that it is not given.
    pub fn render(&self, name: &str, shared: &Shared<'_>, page: &impl Serialize) -> Result<String> {
        let page = Value::from(Serde(page));
        let shared = Value::from(Serde(shared));
        self.environment
            .get_template(name)
            .and_then(|template| template.render(context! { ..shared, ..page }))
            .map_err(|error| explain(&error))
            .with_context(|| format!("cannot render {name}"))
    }

    /// What `/assets/brand.css` answers: the operator's colour.
    #[must_use]
    pub fn brand_stylesheet(&self) -> &str {
        &self.brand_stylesheet
    }

    fn try_samples(&self) -> Result<()> {
        for sample in samples::all().into_iter().chain(mail_samples::all()) {
            self.render(sample.template, &sample.shared, &sample.page)
                .with_context(|| format!("tried with the sample “{}”", sample.case))?;
        }
        Ok(())
    }
}

fn environment(brand: &Brand, brand_stylesheet: &str) -> Result<Environment<'static>> {
    let mut environment = Environment::new();
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|name| {
        if has_ending(name, "html") { AutoEscape::Html } else { AutoEscape::None }
    });
    // Without it, an error's text may hold the values that the page was given.
    environment.set_debug(false);
    environment.set_formatter(|out, state, value| {
        if value.is_none() { Ok(()) } else { minijinja::escape_formatter(out, state, value) }
    });
    environment.add_global("brand", Value::from(Serde(brand)));
    let brand_url = assets::url_of(BRAND_STYLESHEET, brand_stylesheet.as_bytes());
    environment.add_function("asset", move |path: &str| {
        if path == BRAND_STYLESHEET {
            return Ok(brand_url.clone());
        }
        assets::url(path).map(str::to_owned).ok_or_else(|| {
            Error::new(ErrorKind::InvalidOperation, format!("there is no asset {path}"))
        })
    });
    Ok(environment)
}

fn built_in() -> Result<Vec<(String, String)>> {
    let mut pages = Vec::new();
    for name in BuiltIn::iter().filter(|name| is_template(name)) {
        let file = BuiltIn::get(&name).with_context(|| format!("{name} is not built in"))?;
        let source = String::from_utf8(file.data.into_owned())
            .with_context(|| format!("the built-in {name} is not UTF-8"))?;
        pages.push((name.into_owned(), source));
    }
    Ok(pages)
}

/// The operator's files by template name. Only `.html` and `mail/*.txt` count; a README or an
/// editor's copy may lie beside.
fn replacements(directory: &Path) -> Result<BTreeMap<String, (PathBuf, String)>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![directory.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder)
            .with_context(|| format!("cannot read templates.directory {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let Some(name) = template_name(directory, &path) else { continue };
            if BuiltIn::get(&name).is_none() && !name.starts_with(CUSTOM) {
                bail!(
                    "{} replaces no built-in page or mail; a part of your own belongs in {CUSTOM}",
                    path.display()
                );
            }
            let source = std::fs::read_to_string(&path)
                .with_context(|| format!("cannot read the template {}", path.display()))?;
            found.insert(name, (path, source));
        }
    }
    Ok(found)
}

fn template_name(directory: &Path, path: &Path) -> Option<String> {
    let parts: Option<Vec<&str>> =
        path.strip_prefix(directory).ok()?.iter().map(|part| part.to_str()).collect();
    Some(parts?.join("/")).filter(|name| is_template(name))
}

/// Whether a file is one of ours to fill: a page, or the words of a mail. The pages of the demo's
/// sample application are its own.
fn is_template(name: &str) -> bool {
    let page = has_ending(name, "html") && !name.starts_with("demo/");
    page || (has_ending(name, "txt") && name.starts_with("mail/"))
}

fn has_ending(name: &str, ending: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == ending)
}

/// One line with file, line and the causes: minijinja keeps them apart.
fn explain(error: &Error) -> anyhow::Error {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    anyhow::anyhow!(text)
}
