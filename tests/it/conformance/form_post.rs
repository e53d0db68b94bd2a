//! Form Post OP: the modules of Basic OP, answered by a form that the browser posts.

use super::suite::Plan;

super::code_flow_plan!(Plan { response_mode: Some("form_post") });
