//! How a person wants our pages to look. A choice that cannot be read counts as none was made: no
//! page fails because of its looks.

use serde::{Deserialize, Serialize};

use crate::store::users::User;
use crate::templates::brand::Color;
use crate::templates::{Shared, Theme};

/// What a person chose; nothing stands for the usual.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Appearance {
    /// Light or dark; nothing follows the device.
    pub theme: Option<Theme>,
    /// The color of buttons and links; nothing is the operator's.
    pub color: Option<Color>,
    /// How panels are drawn.
    pub skin: Option<Skin>,
    /// Where the navigation is.
    pub navigation: Option<Navigation>,
    /// How wide pages grow.
    pub width: Option<Width>,
}

/// How panels are drawn, where it is not the usual way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Skin {
    /// Clear lines around everything.
    Bordered,
}

/// Where the navigation is, if not beside the page with its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Navigation {
    /// Beside the page, only its icons.
    Collapsed,
    /// Above the page.
    Horizontal,
}

/// How wide pages grow, if not the usual.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Width {
    /// As wide as a large screen.
    Wide,
}

impl Appearance {
    /// What `user` chose.
    #[must_use]
    pub fn of(user: &User) -> Self {
        let chosen = user.appearance.as_deref();
        chosen.and_then(|chosen| serde_json::from_str(chosen).ok()).unwrap_or_default()
    }

    /// As it is kept; nothing when all is as usual.
    #[must_use]
    pub fn kept(&self) -> Option<String> {
        (*self != Self::default()).then(|| serde_json::to_string(self).ok()).flatten()
    }

    /// What the pages are told of it.
    #[must_use]
    pub fn shared(&self) -> Shared<'static> {
        Shared {
            theme: self.theme,
            skin: self.skin.map(Skin::word),
            navigation: self.navigation.map(Navigation::word),
            width: self.width.map(Width::word),
            ..Shared::default()
        }
    }
}

impl Skin {
    /// The word for it in pages and forms.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Bordered => "bordered",
        }
    }
}

impl Navigation {
    /// The word for it in pages and forms.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Collapsed => "collapsed",
            Self::Horizontal => "horizontal",
        }
    }
}

impl Width {
    /// The word for it in pages and forms.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Wide => "wide",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_kept_and_the_usual_is_nothing() {
        assert_eq!(Appearance::default().kept(), None);
        let chosen = Appearance {
            theme: Some(Theme::Dark),
            color: Color::parse("#0a7d4f"),
            navigation: Some(Navigation::Horizontal),
            ..Appearance::default()
        };
        let kept = chosen.kept().unwrap();
        assert_eq!(serde_json::from_str::<Appearance>(&kept).unwrap(), chosen);
        let odd = r#"{"theme":null,"later":1}"#;
        assert_eq!(serde_json::from_str::<Appearance>(odd).unwrap(), Appearance::default());
        assert!(serde_json::from_str::<Appearance>(r#"{"color":"red"}"#).is_err());
    }
}
