//! Where and with what a run was made.

use std::{env, fs};

use serde::Serialize;

/// The crates whose versions are told, as the lock file has them.
const CRATES: [&str; 14] = [
    "bincode",
    "bitcode",
    "cafewire-core",
    "crc32fast",
    "minicbor",
    "nom",
    "postcard",
    "prost",
    "rkyv",
    "serde_json",
    "simdutf8",
    "wincode",
    "winnow",
    "zerocopy",
];

/// What a table says of its run.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    date: String,
    cpu: String,
    cpu_features: Vec<&'static str>,
    /// The core that all of it ran on, if it could be held to one.
    core: Option<usize>,
    rustc: &'static str,
    crates: Vec<String>,
    command: String,
}

impl Machine {
    /// Looks around, and holds this thread to the last of the cores that it may use: the first one
    /// has most of the interrupts.
    pub(crate) fn pin_and_describe() -> Self {
        let cores = core_affinity::get_core_ids();
        let core = cores.and_then(|cores| cores.last().copied());
        let arguments = env::args().skip(1).map(|argument| format!(" {argument}"));
        let arguments: String = arguments.collect();
        let separator = if arguments.is_empty() { "" } else { " --" };
        Self {
            date: jiff::Timestamp::now().strftime("%Y-%m-%d").to_string(),
            cpu: cpu_model().unwrap_or_else(|| env::consts::ARCH.to_owned()),
            cpu_features: cpu_features(),
            core: core.filter(|&core| core_affinity::set_for_current(core)).map(|core| core.id),
            rustc: env!("RUSTC_VERSION"),
            crates: CRATES.into_iter().filter_map(with_version).collect(),
            command: format!(
                "cargo run --release --manifest-path benches/peers/Cargo.toml{separator}{arguments}"
            ),
        }
    }

    /// Lines for people.
    pub(crate) fn lines(&self) -> Vec<String> {
        let core = self.core.map_or("not pinned".to_owned(), |core| format!("core {core}"));
        vec![
            format!(
                "{}, {} ({}), {core}, {}",
                self.date,
                self.cpu,
                self.cpu_features.join(" "),
                self.rustc
            ),
            format!("`{}`", self.command),
            self.crates.join(", "),
        ]
    }
}

fn cpu_model() -> Option<String> {
    let description = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = description.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// Those of the processor's instructions that a contender here looks for.
fn cpu_features() -> Vec<&'static str> {
    #[cfg(target_arch = "x86_64")]
    let found = [
        ("SSE4.1", is_x86_feature_detected!("sse4.1")),
        ("PCLMULQDQ", is_x86_feature_detected!("pclmulqdq")),
        ("AVX2", is_x86_feature_detected!("avx2")),
        ("AVX-512BW", is_x86_feature_detected!("avx512bw")),
        ("AVX-512VL", is_x86_feature_detected!("avx512vl")),
        ("VPCLMULQDQ", is_x86_feature_detected!("vpclmulqdq")),
    ];
    #[cfg(not(target_arch = "x86_64"))]
    let found: [(&str, bool); 0] = [];
    found.into_iter().filter_map(|(name, is_there)| is_there.then_some(name)).collect()
}

/// A crate's name and its version in the lock file that this program was built with.
fn with_version(name: &str) -> Option<String> {
    const LOCK_FILE: &str = include_str!("../Cargo.lock");
    let (_, after) = LOCK_FILE.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    let (version, _) = after.split_once('"')?;
    Some(format!("{name} {version}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_crate_has_a_version() {
        for name in CRATES {
            assert!(with_version(name).is_some(), "{name}");
        }
    }
}
