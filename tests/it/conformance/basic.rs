//! Basic OP: the code flow, answered in the query.

use super::suite::Plan;

super::code_flow_plan!(Plan { response_mode: None });
