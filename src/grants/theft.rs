//! What a person is told when somebody else may hold the keys of one of their applications.

use crate::app::App;
use crate::notices::{self, Notice, Source};
use crate::store::clients::ClientRecord;
use crate::store::{Db, StoreError, users};

/// Tells the person whose tokens just died. Where from is not told: the second request may as
/// well have been the application's own.
pub(super) async fn tell_of_theft(
    app: &App,
    db: &mut Db,
    user_id: &str,
    client: &ClientRecord,
) -> Result<(), StoreError> {
    let Some(user) = users::find(db, user_id).await? else { return Ok(()) };
    let notice = Notice::TheftDetected { application: &client.metadata.client_name };
    notices::tell(app, db, &user, Source::default(), notice).await
}
