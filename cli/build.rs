//! Tells the program what only Cargo knows: for what, how and by which compiler it is built.
//! Nothing of when or where, so that the same sources make the same program.

use std::env;
use std::error::Error;
use std::process::Command;

fn main() -> Result<(), Box<dyn Error>> {
    // A new compiler builds and runs this anew, unasked.
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
