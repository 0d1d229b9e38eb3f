//! The names of the full screen's themes. A leaf: profiles hold them in every build, also in one
//! without the screen.

use serde::Deserialize;

/// A choice of the user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ThemeName {
    /// For a dark background.
    #[default]
    Dark,
    /// For a light background.
    Light,
    /// No colours.
    None,
}
