//! The pages in a real browser: with and without scripts, under their content policies, and
//! accessible.

mod client_page;
mod walk;
