//! Passes what only Cargo knows to the program: target, profile and compiler of the build. No date
//! and no path, so that the same sources make the same program.

use std::env;
use std::error::Error;
use std::process::Command;

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo builds and runs this again for another compiler without being told to.
    println!("cargo::rerun-if-changed=build.rs");
    let rustc =
        String::from_utf8(Command::new(env::var("RUSTC")?).arg("--version").output()?.stdout)?;
    for (name, value) in
        [("TARGET", env::var("TARGET")?), ("PROFILE", env::var("PROFILE")?), ("RUSTC", rustc)]
    {
        println!("cargo::rustc-env=CAFEWIRE_BUILD_{name}={}", value.trim());
    }
    Ok(())
}
