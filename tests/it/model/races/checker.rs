//! Whether what was seen in a race can be explained by some order, one operation after the other,
//! that no observer of the race can contradict (Wing and Gong, 1993).

/// An operation as it was seen from outside: what it was, what it answered, and when, by a counter
/// that all who take part share.
#[derive(Clone, Debug)]
pub struct Record<O, S> {
    pub operation: O,
    pub seen: S,
    pub from: u64,
    pub to: u64,
}

/// The state after an order that explains `history`, if there is any. `apply` does the operation of
/// this number to a state and says what must be seen; `named` are those that later ones refer to.
pub fn explain<W, O, S>(
    begin: &W,
    (history, named): (&[Record<O, S>], &[usize]),
    apply: &impl Fn(&mut W, usize, &O) -> S,
) -> Option<W>
where
    W: Clone,
    O: PartialEq,
    S: PartialEq,
{
    assert!(history.len() <= 64, "a race of so many cannot be explained in a lifetime");
    search(begin, (history, named), &mut vec![false; history.len()], apply)
}

fn search<W, O, S>(
    world: &W,
    (history, named): (&[Record<O, S>], &[usize]),
    done: &mut Vec<bool>,
    apply: &impl Fn(&mut W, usize, &O) -> S,
) -> Option<W>
where
    W: Clone,
    O: PartialEq,
    S: PartialEq,
{
    let open = |done: &[bool]| (0..history.len()).filter(|at| !done[*at]).collect::<Vec<_>>();
    let open = open(done);
    let Some(first_end) = open.iter().map(|at| history[*at].to).min() else {
        return Some(world.clone());
    };
    // Whoever began after another had ended cannot come before it.
    let mut candidates: Vec<_> =
        open.into_iter().filter(|at| history[*at].from <= first_end).collect();
    candidates.sort_by_key(|at| history[*at].to);
    for (nth, at) in candidates.iter().enumerate() {
        let record = &history[*at];
        // Of two that are alike in all but their end, the one that ended first is as good, unless
        // what one of them brought is looked at later.
        let twin = candidates[..nth].iter().any(|other| {
            let named = named.contains(at) || named.contains(other);
            let other = &history[*other];
            !named && other.operation == record.operation && other.seen == record.seen
        });
        if twin {
            continue;
        }
        let mut next = world.clone();
        if apply(&mut next, *at, &record.operation) != record.seen {
            continue;
        }
        done[*at] = true;
        if let Some(end) = search(&next, (history, named), done, apply) {
            return Some(end);
        }
        done[*at] = false;
    }
    None
}

/// A register that holds a number: `true` writes it, `false` reads what is there.
#[cfg(test)]
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the checker hands out references")]
fn register(world: &mut u32, _: usize, (writes, value): &(bool, u32)) -> u32 {
    if *writes {
        *world = *value;
    }
    *world
}

#[test]
fn an_order_is_found_where_there_is_one_and_only_there() {
    let record = |operation: (bool, u32), seen, from, to| Record { operation, seen, from, to };
    let write = |value, from, to| record((true, value), value, from, to);
    let read = |seen, from, to| record((false, 0), seen, from, to);
    // Two writes at once: whichever was last is read.
    for last in [1, 2] {
        let history = [write(1, 0, 5), write(2, 1, 4), read(last, 6, 7)];
        assert_eq!(explain(&0, (&history, &[]), &register), Some(last));
    }
    // One after the other: only the second.
    let history = [write(1, 0, 1), write(2, 2, 3), read(1, 4, 5)];
    assert_eq!(explain(&0, (&history, &[]), &register), None);
    // During a write the old and the new may be read, but not the old after the new.
    let history = [write(1, 0, 9), read(0, 1, 2), read(1, 3, 4)];
    assert_eq!(explain(&0, (&history, &[]), &register), Some(1));
    let history = [write(1, 0, 9), read(1, 1, 2), read(0, 3, 4)];
    assert_eq!(explain(&0, (&history, &[]), &register), None);
    // Two that are alike and are told apart later: the one that ended first may have come last.
    let alike = [read(0, 0, 2), read(0, 1, 3), record((true, 0), 0, 4, 5)];
    let later = |world: &mut u32, at: usize, what: &(bool, u32)| {
        *world = if what.0 { *world } else { u32::try_from(at).expect("few") };
        if what.0 { *world } else { 0 }
    };
    assert_eq!(explain(&0, (&alike, &[0, 1]), &later), Some(0));
    assert_eq!(explain(&0, (&alike, &[]), &later), None);
}
