//! The properties that fuzzing looks for exceptions to, held against the inputs that are kept in
//! `fuzz/corpus` and against changed forms of them.

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

use latchkey::secret::Random;

#[path = "../../fuzz/properties/mod.rs"]
mod properties;

/// Changed forms of all inputs of a target; fuzzing proper tries millions.
const CHANGES: usize = 1000;
/// Files of a target at most, and bytes of all of them: they are replayed in every run.
const MOST_FILES: usize = 200;
const MOST_BYTES: usize = 300 * 1024;

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let entries =
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} holds nothing", folder.display());
    files.into_iter().map(|file| fs::read(file).expect("an input")).collect()
}

/// Some bytes changed, cut out, doubled or brought in from another input.
fn change(input: &[u8], other: &[u8], random: &Random) -> Vec<u8> {
    let [kind, at, length, byte] = random.bytes::<4>();
    let place = |bytes: &[u8]| usize::from(at) * (bytes.len() + 1) / 256;
    let (at, length) = (place(input), usize::from(length % 16) + 1);
    let end = (at + length).min(input.len());
    let mut changed = input.to_vec();
    match kind % 5 {
        0 if at < changed.len() => changed[at] = byte,
        1 => drop(changed.drain(at..end)),
        2 => {
            let part = input[at..end].to_vec();
            changed.splice(at..at, part.into_iter().cycle().take(length * 8));
        }
        3 => {
            let from = place(other).min(other.len());
            changed.splice(at..end, other[from..].iter().copied());
        }
        _ => changed.insert(at, byte),
    }
    changed
}

#[test]
fn every_property_holds_of_every_kept_input_and_its_changed_forms() {
    for (name, property) in properties::ALL {
        let inputs = corpus(name);
        let bytes: usize = inputs.iter().map(Vec::len).sum();
        assert!(inputs.len() <= MOST_FILES && bytes <= MOST_BYTES, "{name}: {bytes} bytes");
        let random = Random::seeded(23);
        for (number, input) in inputs.iter().enumerate() {
            let mut forms = vec![input.clone()];
            for round in 0..CHANGES.div_ceil(inputs.len()) {
                let other = &inputs[(number + 1) % inputs.len()];
                let base = if round % 3 == 0 { forms.last().unwrap_or(input) } else { input };
                forms.push(change(base, other, &random));
            }
            for form in forms {
                let held = catch_unwind(|| property(&form));
                assert!(held.is_ok(), "{name}: {:?}", String::from_utf8_lossy(&form));
            }
        }
    }
}

#[test]
fn each_property_has_its_target() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/targets");
    let entries = fs::read_dir(folder).expect("the targets");
    let mut targets: Vec<String> = entries
        .map(|entry| entry.expect("an entry").path())
        .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned())
        .collect();
    targets.sort();
    let mut names: Vec<_> = properties::ALL.iter().map(|(name, _)| (*name).to_owned()).collect();
    names.sort();
    assert_eq!(targets, names);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).expect("its manifest");
    for (name, _) in properties::ALL {
        // The targets are a workspace of their own that wants a C++ compiler. What they add to the
        // properties, which are compiled here, is this one line.
        let code = fs::read_to_string(folder.join(format!("targets/{name}.rs"))).expect("a target");
        let line = format!(
            "libfuzzer_sys::fuzz_target!(|data: &[u8]| properties::run(\"{name}\", data));"
        );
        assert_eq!(code.trim(), format!("#![no_main]\n\n{line}"), "{name}");
        let listed = format!("name = \"{name}\"\npath = \"targets/{name}.rs\"\n");
        assert!(manifest.contains(&listed), "fuzz/Cargo.toml lacks {name}");
        properties::run(name, b"");
    }
}
