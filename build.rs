//! Makes a new migration count as a change of the program.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
