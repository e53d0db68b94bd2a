//! The pages in a real browser: with and without scripts, under their content policies, and
//! accessible.

mod about_oneself;
mod applications;
mod client_page;
mod corners;
mod files;
mod history;
mod markup;
mod password;
mod protect;
mod recovery;
mod sessions;
mod two_factor;
mod walk;
mod ways;
