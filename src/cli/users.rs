//! `latchkey user …`: people.

use clap::{Args, Subcommand};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use crate::app::App;
use crate::cli::{Output, every, json_from_stdin, secret_from_stdin};
use crate::identity::people::{self, NewUser};
use crate::identity::{groups, two_factor};
use crate::protocol::claims::StandardClaims;
use crate::secret::Random;
use crate::store::users::{self, User};

/// What can be done with people. NAME is a user name, an e-mail address or an id.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add a person
    Add(Add),
    /// List everybody
    List,
    /// Show one person
    Show {
        /// Who
        name: String,
    },
    /// Lock an account: its sessions and tokens are dead at once
    Lock {
        /// Who
        name: String,
        /// Why, for the audit trail alone: the person is not told
        #[arg(long)]
        reason: String,
    },
    /// Unlock an account, also one that too many wrong passwords or codes have closed
    Unlock {
        /// Who
        name: String,
    },
    /// Set a temporary password, which must be changed at the next sign-in, within a week;
    /// everything of the person is signed out
    SetPassword {
        /// Who
        name: String,
        /// The temporary one
        #[command(flatten)]
        password: PasswordSource,
    },
    /// Remove the second factor of somebody who lost it; everything of the person is signed out
    ResetTwoFactor {
        /// Who
        name: String,
    },
    /// End all sessions of a person
    SignOut {
        /// Who
        name: String,
    },
    /// Replace what applications may learn, from JSON with OpenID Connect's standard claims
    SetClaims {
        /// Who
        name: String,
        /// Read the claims from standard input
        #[arg(long, required = true)]
        json_stdin: bool,
    },
    /// Put a person into these groups and no others
    SetGroups {
        /// Who
        name: String,
        /// The groups; none takes the person out of all
        #[arg(value_name = "GROUP")]
        groups: Vec<String>,
    },
    /// Remove a person and all that is theirs
    Remove {
        /// Who
        name: String,
    },
}

/// A person to add.
#[derive(Args, Debug)]
pub struct Add {
    /// The user name
    name: String,
    /// The e-mail address
    #[arg(long)]
    email: String,
    /// The address is known to be theirs
    #[arg(long)]
    email_verified: bool,
    /// The full name
    #[arg(long = "name", value_name = "NAME")]
    full_name: Option<String>,
    /// They administer this instance
    #[arg(long)]
    admin: bool,
    /// A group they are in; may be given more than once
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    #[command(flatten)]
    password: PasswordSource,
}

/// Where a password comes from: never the command line.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub struct PasswordSource {
    /// Read the password from standard input
    #[arg(long)]
    password_stdin: bool,
    /// Make a password and print it once
    #[arg(long)]
    generate_password: bool,
}

impl PasswordSource {
    fn password(&self, random: &Random) -> anyhow::Result<SecretString> {
        if self.generate_password { Ok(generate(random).into()) } else { secret_from_stdin() }
    }
}

/// A password of 100 random bits that can be read out over the telephone.
fn generate(random: &Random) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz234567892";
    let picked: String = random
        .bytes::<20>()
        .iter()
        .filter_map(|byte| LETTERS.get(usize::from(byte & 31)))
        .map(|letter| char::from(*letter))
        .collect();
    let groups: Vec<String> =
        picked.as_bytes().chunks(5).map(|group| String::from_utf8_lossy(group).into()).collect();
    // The policy asks for a digit; the dashes are the special characters.
    format!("{}-{}", groups.join("-"), 2 + random.bytes::<1>().iter().sum::<u8>() % 8)
}

/// What is printed of a person.
#[derive(Serialize)]
struct UserView {
    id: String,
    username: String,
    email: Option<String>,
    email_verified: bool,
    claims: StandardClaims,
    admin: bool,
    groups: Vec<String>,
    locked: bool,
    lock_reason: Option<String>,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
}

impl UserView {
    fn of(user: User) -> Self {
        Self {
            id: user.id,
            username: user.username,
            email: user.email,
            email_verified: user.email_verified_at.is_some(),
            claims: user.claims,
            admin: user.admin_at.is_some(),
            groups: user.member_of.split_whitespace().map(str::to_owned).collect(),
            locked: user.locked_at.is_some(),
            lock_reason: user.lock_reason,
            created_at: user.created_at.to_string(),
            password: None,
        }
    }

    fn line(&self) -> String {
        let email = self.email.as_deref().unwrap_or("-");
        let locked = if self.locked { "  locked" } else { "" };
        let admin = if self.admin { "  admin" } else { "" };
        format!("{}  {}  {email}{admin}{locked}", self.id, self.username)
    }

    fn words(&self) -> String {
        let password =
            self.password.as_ref().map(|one| format!("\npassword  {one}")).unwrap_or_default();
        format!("{}{password}", self.line())
    }
}

/// Runs one of the commands.
pub(super) async fn run(app: &App, command: &Command, out: Output) -> anyhow::Result<()> {
    match command {
        Command::Add(add) => self::add(app, add, out).await,
        Command::List => list(app, out).await,
        Command::Show { name } => {
            out.one(&UserView::of(people::find(app, name).await?), UserView::line)
        }
        Command::Lock { name, reason } => {
            let user = people::lock(app, name, reason).await?;
            say(out, user, "is locked: sessions and tokens are dead")
        }
        Command::Unlock { name } => say(out, people::unlock(app, name).await?, "is unlocked"),
        Command::SetPassword { name, password } => {
            let new = password.password(&app.random)?;
            let user = people::set_password(app, name, &new).await?;
            let mut view = UserView::of(user);
            view.password = password.generate_password.then(|| new.expose_secret().to_owned());
            out.one(&view, UserView::words)
        }
        Command::ResetTwoFactor { name } => {
            let (user, removed) = two_factor::reset(app, name).await?;
            let what =
                format!("has no second factor any more ({removed} removed), and is signed out");
            say(out, user, &what)
        }
        Command::SignOut { name } => {
            let (user, ended) = people::sign_out(app, name).await?;
            say(out, user, &format!("is signed out of {ended} sessions"))
        }
        Command::SetClaims { name, .. } => {
            let claims = StandardClaims::check(json_from_stdin()?)
                .map_err(|what| anyhow::anyhow!("the claims do not fit: {what}"))?;
            say(out, people::set_claims(app, name, claims).await?, "has new claims")
        }
        Command::SetGroups { name, groups } => {
            let user = groups::set_groups(app, name, groups).await?;
            let what = match user.member_of.as_str() {
                "" => "is in no group".to_owned(),
                groups => format!("is in {groups}"),
            };
            say(out, user, &what)
        }
        Command::Remove { name } => say(out, people::remove(app, name).await?, "is removed"),
    }
}

fn say(out: Output, user: User, what: &str) -> anyhow::Result<()> {
    out.one(&UserView::of(user), |view| format!("{} {what}", view.username))
}

async fn add(app: &App, add: &Add, out: Output) -> anyhow::Result<()> {
    let password = add.password.password(&app.random)?;
    let claims = StandardClaims { name: add.full_name.clone(), ..StandardClaims::default() };
    let new = NewUser {
        username: add.name.clone(),
        email: Some(add.email.clone()),
        email_verified: add.email_verified,
        claims,
        password: Some(password.clone()),
        admin: add.admin,
    };
    let mut view = UserView::of(people::add_member(app, new, &add.groups).await?);
    view.password = add.password.generate_password.then(|| password.expose_secret().to_owned());
    out.one(&view, UserView::words)
}

async fn list(app: &App, out: Output) -> anyhow::Result<()> {
    let page = async |after: Option<String>, limit| {
        let mut db = app.store.read().await?;
        Ok(users::list(&mut db, after.as_deref(), limit).await?)
    };
    let all: Vec<_> = every(page, |user| &user.id).await?.into_iter().map(UserView::of).collect();
    out.list(&all, UserView::line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::password::Rules;

    #[test]
    fn a_made_password_passes_the_policy() {
        for seed in 0..50 {
            let password = generate(&Random::seeded(seed));
            let blocklist = crate::blocklist::Blocklist::default();
            let policy = crate::config::PasswordPolicy::Default;
            let rules = Rules { policy, blocklist: &blocklist, service: "Latchkey" };
            assert_eq!(rules.check(&password, &[]), Ok(()));
        }
    }
}
