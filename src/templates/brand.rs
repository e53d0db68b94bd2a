//! The operator's name, mark and colour; the colour is shifted until text in it can be read.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// What people see of the operator (`branding.*`).
#[derive(Clone, Debug, Serialize)]
pub struct Brand {
    /// Stands at the top of every page and in its title.
    pub name: String,
    /// The URL of a square image on our own origin.
    pub logo: Option<String>,
    /// `#rgb` or `#rrggbb`; the pages' own when missing.
    #[serde(skip)]
    pub primary_color: Option<String>,
    /// Where people find help.
    pub support_url: Option<String>,
    /// Whom people write to.
    pub support_email: Option<String>,
}

/// WCAG 2.2, success criterion 1.4.3.
const READABLE: f64 = 4.5;
/// The backgrounds of `app.css` that leave the accent the least contrast.
const LIGHT: Color = Color([0xf1, 0xf2, 0xf5]);
const DARK: Color = Color([0x22, 0x26, 0x2e]);
/// The text on a button in the accent colour, in the light and the dark theme.
const WHITE: Color = Color([0xff; 3]);
const INK: Color = Color([0x0c, 0x0e, 0x13]);

impl Brand {
    /// The style sheet that gives the pages the operator's colour, as near as both themes allow.
    ///
    /// Fails if `primary_color` is no colour.
    pub fn stylesheet(&self) -> Result<String> {
        let Some(primary) = &self.primary_color else { return Ok(String::new()) };
        let color = Color::parse(primary).with_context(|| {
            format!("branding.primary_color is {primary:?}, not a color such as #2f5bea")
        })?;
        Ok(color.stylesheet())
    }
}

/// A color that somebody chose; as text, `#rrggbb`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Color([u8; 3]);

impl From<Color> for String {
    fn from(color: Color) -> Self {
        color.css()
    }
}

impl TryFrom<String> for Color {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("not a color such as #2f5bea")
    }
}

impl Color {
    /// The style sheet that gives the pages this color, as near as both themes allow.
    #[must_use]
    pub fn stylesheet(self) -> String {
        let light = self.readable(&[LIGHT, WHITE], Self([0; 3]));
        let dark = self.readable(&[DARK, INK], WHITE);
        format!(":root{{--accent:{};--accent-dark:{}}}\n", light.css(), dark.css())
    }

    /// Reads `#rgb` or `#rrggbb`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits: Option<Vec<u8>> = text
            .trim()
            .strip_prefix('#')?
            .chars()
            .map(|digit| digit.to_digit(16).and_then(|value| u8::try_from(value).ok()))
            .collect();
        match *digits?.as_slice() {
            [r, g, b] => Some(Self([r * 17, g * 17, b * 17])),
            [r1, r2, g1, g2, b1, b2] => Some(Self([r1 * 16 + r2, g1 * 16 + g2, b1 * 16 + b2])),
            _ => None,
        }
    }

    /// This color, mixed with as little of `towards` as text on each of `grounds` needs.
    fn readable(self, grounds: &[Self], towards: Self) -> Self {
        (0..=100)
            .map(|percent| self.mixed(towards, percent))
            .find(|color| grounds.iter().all(|ground| color.contrast(*ground) >= READABLE))
            .unwrap_or(towards)
    }

    fn mixed(self, other: Self, percent: u16) -> Self {
        let Self([r, g, b]) = self;
        let Self([or, og, ob]) = other;
        let mix = |own: u8, other: u8| {
            let sum = u16::from(own) * (100 - percent) + u16::from(other) * percent;
            u8::try_from(sum / 100).unwrap_or(u8::MAX)
        };
        Self([mix(r, or), mix(g, og), mix(b, ob)])
    }

    /// WCAG 2.2, "contrast ratio".
    fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }

    /// WCAG 2.2, "relative luminance".
    fn luminance(self) -> f64 {
        let linear = |value: u8| {
            let value = f64::from(value) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        let Self([r, g, b]) = self;
        0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
    }

    /// As `#rrggbb`.
    #[must_use]
    pub fn css(self) -> String {
        let Self([r, g, b]) = self;
        format!("#{r:02x}{g:02x}{b:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_color_becomes_readable_in_both_themes() {
        for color in ["#ffd400", "#000", "#fff", "#2f5bea", "#E11D48", "#777"] {
            let color = Color::parse(color).unwrap();
            let light = color.readable(&[LIGHT, WHITE], Color([0; 3]));
            let dark = color.readable(&[DARK, INK], WHITE);
            assert!(light.contrast(LIGHT) >= READABLE && light.contrast(WHITE) >= READABLE);
            assert!(dark.contrast(DARK) >= READABLE && dark.contrast(INK) >= READABLE);
        }
    }

    #[test]
    fn a_readable_color_stays_as_it_is() {
        let color = Color::parse("#3454d1").unwrap();
        assert_eq!(color.readable(&[LIGHT, WHITE], Color([0; 3])), color);
    }

    #[test]
    fn what_is_no_color_is_refused() {
        for text in ["", "red", "#12", "#12345g", "2f5bea", "#1234567", "#fff}body{display:none"] {
            assert_eq!(Color::parse(text), None, "{text}");
        }
    }
}
