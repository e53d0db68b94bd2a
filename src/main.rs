//! Starts the program: arguments in, exit code out.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    latchkey::cli::main(std::env::args_os())
}
