//! cafewire beside its peers: deliveries per second, and what each costs the server. It starts
//! every server itself; `benches/README.md` tells how to read the table.

#[cfg(target_os = "linux")]
mod run;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    run::main()
}

/// Cores, death signals and the scheduler's figures are Linux's own.
#[cfg(not(target_os = "linux"))]
fn main() -> std::process::ExitCode {
    eprintln!("versus: it runs on Linux only");
    std::process::ExitCode::FAILURE
}
