//! What OpenID certification demands of a provider: one test a module of the conformance suite,
//! named as the module is, so that a failure here can be read beside one there.
//!
//! A failure and a warning of the suite are both failures here. `basic.rs`, `config.rs` and
//! `form_post.rs` are the plans; `modules/` holds what their tests do, by theme; `suite.rs` walks
//! through the pages as the suite's browser does; `checks.rs` looks at what came out.

mod basic;
mod checks;
mod config;
mod flow;
mod form_post;
mod modules;
mod suite;

/// One test for each module of a plan.
macro_rules! plan {
    ($plan:expr; $($theme:ident: $($module:ident)+;)+) => {
        $($(
            #[tokio::test]
            async fn $module() {
                $crate::conformance::modules::$theme::$module($plan).await;
            }
        )+)+
    };
}
pub(crate) use plan;

/// The modules that Basic OP and Form Post OP share.
macro_rules! code_flow_plan {
    ($plan:expr) => {
        $crate::conformance::plan! {
            $plan;
            sign_in:
                oidcc_prompt_login
                oidcc_prompt_none_not_logged_in
                oidcc_prompt_none_logged_in
                oidcc_max_age_1
                oidcc_max_age_10000
                oidcc_id_token_hint
                oidcc_login_hint
                oidcc_ensure_request_with_acr_values_succeeds;
            requests:
                oidcc_response_type_missing
                oidcc_ensure_request_without_nonce_succeeds_for_code_flow
                oidcc_display_page
                oidcc_display_popup
                oidcc_ensure_request_with_unknown_parameter_succeeds
                oidcc_ui_locales
                oidcc_claims_locales
                oidcc_ensure_registered_redirect_uri
                oidcc_ensure_post_request_succeeds
                oidcc_request_uri_unsigned_supported_correctly_or_rejected_as_unsupported
                oidcc_unsigned_request_object_supported_correctly_or_rejected_as_unsupported
                oidcc_ensure_request_object_with_redirect_uri
                oidcc_ensure_request_with_valid_pkce_succeeds;
            tokens:
                oidcc_server
                oidcc_server_client_secret_post
                oidcc_idtoken_signature
                oidcc_idtoken_unsigned
                oidcc_codereuse
                oidcc_codereuse_30seconds
                oidcc_refresh_token;
            claims:
                oidcc_userinfo_get
                oidcc_userinfo_post_header
                oidcc_userinfo_post_body
                oidcc_scope_profile
                oidcc_scope_email
                oidcc_scope_address
                oidcc_scope_phone
                oidcc_scope_all
                oidcc_alternate_happy_flow
                oidcc_claims_essential;
        }
    };
}
pub(crate) use code_flow_plan;
