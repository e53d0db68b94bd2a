//! `/account/appearance`: how the pages look.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;

use crate::app::App;
use crate::paths;
use crate::store::{acting, users};
use crate::templates::Theme;
use crate::templates::brand::Color;
use crate::web::appearance::{Appearance, Navigation, Skin, Width};
use crate::web::error::PageError;
use crate::web::form::PageForm;
use crate::web::here::Here;
use crate::web::page::see_other;
use crate::web::session::{Browser, SignedIn};
use crate::web::shell::{self, Shell};

/// A color to choose, and what it is called.
#[derive(Clone, Copy, Serialize)]
struct Preset {
    name: &'static str,
    color: &'static str,
}

const PRESETS: [Preset; 8] = [
    Preset { name: "Blue", color: "#2f5bea" },
    Preset { name: "Sky", color: "#0369a1" },
    Preset { name: "Teal", color: "#0f766e" },
    Preset { name: "Green", color: "#15803d" },
    Preset { name: "Amber", color: "#b45309" },
    Preset { name: "Red", color: "#be123c" },
    Preset { name: "Violet", color: "#7c3aed" },
    Preset { name: "Slate", color: "#475569" },
];

/// What the color picker starts with.
const FIRST_OWN: &str = "#8b5cf6";

#[derive(Serialize)]
struct AppearancePage {
    #[serde(flatten)]
    shell: Shell,
    action: &'static str,
    presets: [Preset; 8],
    chosen: Chosen,
}

/// The words of what is chosen, as the form has them.
#[derive(Serialize)]
struct Chosen {
    theme: &'static str,
    color: String,
    own: String,
    skin: &'static str,
    navigation: &'static str,
    width: &'static str,
}

impl Chosen {
    fn of(appearance: Appearance) -> Self {
        let color = appearance.color.map(Color::css).unwrap_or_default();
        let is_own = !color.is_empty() && PRESETS.iter().all(|preset| preset.color != color);
        Self {
            theme: match appearance.theme {
                None => "",
                Some(Theme::Light) => "light",
                Some(Theme::Dark) => "dark",
            },
            own: if is_own { color.clone() } else { FIRST_OWN.to_owned() },
            color: if is_own { "own".to_owned() } else { color },
            skin: appearance.skin.map(Skin::word).unwrap_or_default(),
            navigation: appearance.navigation.map(Navigation::word).unwrap_or_default(),
            width: appearance.width.map(Width::word).unwrap_or_default(),
        }
    }
}

pub(super) async fn get(
    State(app): State<Arc<App>>,
    SignedIn { user, .. }: SignedIn,
    browser: Browser,
    here: Here,
) -> Result<Response, PageError> {
    let done = (here.query("done") == "saved").then_some("Your pages look like this from now on.");
    let content = AppearancePage {
        shell: Shell::of(&user).done(done),
        action: paths::ACCOUNT_APPEARANCE,
        presets: PRESETS,
        chosen: Chosen::of(Appearance::of(&user)),
    };
    // Its script keeps what is chosen at once.
    let page = shell::page(&app, &browser, &user, "account/appearance.html").await?;
    page.connecting().render(&app, &content)
}

/// Keeps what was chosen. A word that is none of the form's counts as the usual.
pub(super) async fn post(
    State(app): State<Arc<App>>,
    SignedIn { session, user }: SignedIn,
    form: PageForm,
) -> Result<Response, PageError> {
    let color = match form.text("color") {
        "own" => form.text("own"),
        preset => preset,
    };
    let chosen = Appearance {
        theme: match form.text("theme") {
            "light" => Some(Theme::Light),
            "dark" => Some(Theme::Dark),
            _ => None,
        },
        color: Color::parse(color),
        skin: (form.text("skin") == Skin::Bordered.word()).then_some(Skin::Bordered),
        navigation: [Navigation::Collapsed, Navigation::Horizontal]
            .into_iter()
            .find(|navigation| form.text("navigation") == navigation.word()),
        width: (form.text("width") == Width::Wide.word()).then_some(Width::Wide),
    };
    let mut db = app.store.write().await?;
    acting::begin(&mut db, &session, app.clock.now()).await?;
    users::set_appearance(&mut db, &user.id, chosen.kept().as_deref()).await?;
    db.commit().await?;
    Ok(see_other(&format!("{}?done=saved", paths::ACCOUNT_APPEARANCE)))
}
