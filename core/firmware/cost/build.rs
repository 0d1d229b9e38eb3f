//! Linker arguments: `flash` is linked without a runtime, so that nothing but the core is measured;
//! `cortex-m` boots.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=../image/memory.x");
    if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "none") {
        let here = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
        println!("cargo::rustc-link-search={here}/../image");
        println!("cargo::rustc-link-arg-bin=flash=--entry=main");
        println!("cargo::rustc-link-arg-bin=cortex-m=-Tlink.x");
    }
}
