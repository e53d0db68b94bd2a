//! Draws commands at random, the usual ones more often.

use proptest::prelude::*;

use super::command::{Act, Answer, CLIENTS, Command, How, PEOPLE, Password, SEATS, Typed, Wish};
use super::world::asking::Prompt;
use super::world::grants::Presented;
use super::world::scopes::Scopes;
use super::world::{DAY, HOUR, MINUTE};

fn any_of<T: Clone + std::fmt::Debug + 'static>(values: &[T]) -> impl Strategy<Value = T> + use<T> {
    prop::sample::select(values.to_vec())
}

/// Mostly the first, now and then another.
fn mostly<T: Clone + std::fmt::Debug + 'static>(values: &[T]) -> impl Strategy<Value = T> + use<T> {
    let usual = Just(values[0].clone());
    prop_oneof![4 => usual, 1 => any_of(values)]
}

fn code() -> impl Strategy<Value = Typed> {
    use Typed::{Again, Backup, BackupAgain, Good, Leave, Wrong};
    mostly(&[Good, Leave, Again, Wrong, Backup, BackupAgain])
}

/// The last one, or one before.
fn back() -> impl Strategy<Value = usize> {
    prop_oneof![3 => Just(0_usize), 2 => 0..3_usize, 1 => 0..12_usize]
}

fn how() -> impl Strategy<Value = How> {
    let prompt = mostly(&[Prompt::Unsaid, Prompt::None, Prompt::Login, Prompt::Consent]);
    let max_age = mostly(&[None, Some(0), Some(60), Some(HOUR)]);
    let answer = mostly(&[Answer::Allow, Answer::Deny, Answer::Leave]);
    (prompt, max_age, code(), answer).prop_map(|(prompt, max_age, code, answer)| How {
        prompt,
        max_age,
        code,
        answer,
    })
}

fn entering() -> impl Strategy<Value = Command> {
    let password = mostly(&[Password::Right, Password::Wrong, Password::Old]);
    let remember = mostly(&[false, true]);
    (0..SEATS, 0..PEOPLE, password, code(), remember, any::<bool>()).prop_map(
        |(seat, who, password, code, remember, trust)| Command::SignIn {
            seat,
            who,
            password,
            code,
            remember,
            trust,
        },
    )
}

fn asking() -> impl Strategy<Value = Command> {
    let scopes = ["openid", "openid offline_access", "openid profile email phone offline_access"];
    let more = ["openid profile", "openid email offline_access", "profile", "phone"];
    let scope = any_of(&[&scopes[..], &more[..]].concat()).prop_map(Scopes::read);
    (0..SEATS, 0..PEOPLE, 0..CLIENTS, scope, how()).prop_map(|(seat, who, client, scope, how)| {
        Command::Authorize { seat, who, client, scope, how }
    })
}

fn of_tokens() -> impl Strategy<Value = Command> {
    let presented = mostly(&[Presented::Right, Presented::WrongProof, Presented::WrongClient]);
    let wish = mostly(&[Wish::Same, Wish::Narrow, Wish::Wide]);
    let older = prop_oneof![4 => Just(0_i64), 3 => Just(1_i64), 1 => 0..4_i64];
    prop_oneof![
        8 => (back(), presented).prop_map(|(back, how)| Command::Exchange { back, how }),
        9 => (back(), older, wish, mostly(&[false, true])).prop_map(
            |(back, older, wish, stranger)| Command::Refresh { back, older, wish, stranger }
        ),
        3 => back().prop_map(|back| Command::Look { back }),
        1 => mostly(&[false, true]).prop_map(|revoke| Command::Machine { revoke }),
        1 => (back(), mostly(&[false, true]))
            .prop_map(|(back, stranger)| Command::RevokeAccess { back, stranger }),
        1 => (back(), mostly(&[false, true]))
            .prop_map(|(back, stranger)| Command::RevokeRefresh { back, stranger }),
    ]
}

fn of_the_account() -> impl Strategy<Value = Command> {
    let seat = || 0..SEATS;
    prop_oneof![
        2 => (seat(), 0..CLIENTS).prop_map(|(seat, client)| Command::Disconnect { seat, client }),
        1 => seat().prop_map(|seat| Command::DisconnectAll { seat }),
        2 => (seat(), back()).prop_map(|(seat, back)| Command::EndSession { seat, back }),
        1 => seat().prop_map(|seat| Command::EndOthers { seat }),
        2 => (seat(), mostly(&[true, false]), code())
            .prop_map(|(seat, right, code)| Command::Confirm { seat, right, code }),
        2 => (seat(), mostly(&[true, false]), any::<bool>()).prop_map(
            |(seat, right, end_applications)| Command::ChangePassword {
                seat,
                right,
                end_applications
            }
        ),
        3 => seat().prop_map(|seat| Command::SetUp { seat }),
        1 => seat().prop_map(|seat| Command::TurnOff { seat }),
        1 => seat().prop_map(|seat| Command::PlanRemoval { seat }),
        1 => seat().prop_map(|seat| Command::Keep { seat }),
        2 => seat().prop_map(|seat| Command::SignOut { seat }),
        1 => seat().prop_map(|seat| Command::Visit { seat }),
    ]
}

fn from_outside() -> impl Strategy<Value = Command> {
    use Act::{Lock, Remove, ResetTwoFactor, SetPassword, SignOut, Unlock};
    let act = prop_oneof![
        6 => any_of(&[Lock, Unlock, Unlock, SignOut, SetPassword, ResetTwoFactor]),
        1 => Just(Remove),
    ];
    let waits = [
        1,
        9,
        11,
        29,
        61,
        299,
        5 * MINUTE,
        10 * MINUTE,
        16 * MINUTE,
        HOUR,
        6 * HOUR,
        DAY,
        8 * DAY,
        14 * DAY,
        31 * DAY,
        91 * DAY,
    ];
    let waits = prop_oneof![3 => any_of(&waits[..6]), 1 => any_of(&waits)];
    let seat = prop_oneof![Just(None), (0..SEATS).prop_map(Some)];
    prop_oneof![
        3 => (0..PEOPLE, act).prop_map(|(who, act)| Command::Support { who, act }),
        1 => (0..PEOPLE, seat, 1..13_usize)
            .prop_map(|(who, seat, tries)| Command::Flood { who, seat, tries }),
        1 => (0..PEOPLE).prop_map(|who| Command::Recover { who }),
        1 => (0..=CLIENTS, any_of(&[true, true, false]))
            .prop_map(|(client, on)| Command::Switch { client, on }),
        1 => Just(Command::Housekeeping),
        6 => waits.prop_map(|seconds| Command::Wait { seconds }),
    ]
}

/// Any step.
pub fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        6 => entering(),
        1 => (0..SEATS, code()).prop_map(|(seat, code)| Command::TypeCode { seat, code }),
        9 => asking(),
        14 => of_tokens(),
        7 => of_the_account(),
        6 => from_outside(),
    ]
    .no_shrink()
}
