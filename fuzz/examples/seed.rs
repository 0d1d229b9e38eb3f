//! Writes the seed corpus of target `parse` from the test vectors: one file per vector, an options byte before its
//! bytes. With `--check` it writes nothing and fails if the files are not what would be written.
//!
//! ```sh
//! cargo run --manifest-path fuzz/Cargo.toml --example seed
//! ```

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

/// libFuzzer lets inputs grow as long as the longest seed, and long ones slow it down. Every rule fits below this.
const MAX_SEED_SIZE_BYTES: usize = 4096;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let corpus = root.join("corpus/parse");
    let wanted = seeds(&root.join("../core/vectors/vectors.json"))?;
    let found = committed(&corpus)?;
    if env::args().any(|argument| argument == "--check") {
        if found == wanted {
            return Ok(ExitCode::SUCCESS);
        }
        eprintln!("{} does not hold the test vectors of today: run this example without --check", corpus.display());
        return Ok(ExitCode::FAILURE);
    }
    for stale in found.keys().filter(|&path| !wanted.contains_key(path)) {
        fs::remove_file(corpus.join(stale))?;
    }
    for (path, bytes) in &wanted {
        fs::write(corpus.join(path), bytes)?;
    }
    println!("{}: {} seeds", corpus.display(), wanted.len());
    Ok(ExitCode::SUCCESS)
}

fn seeds(vectors: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>, Box<dyn Error>> {
    let text = fs::read_to_string(vectors).map_err(|error| format!("{}: {error}", vectors.display()))?;
    let vectors: serde_json::Value = serde_json::from_str(&text)?;
    let mut seeds = BTreeMap::new();
    for vector in vectors.as_array().ok_or("the vectors are no array")? {
        let field = |key: &str| vector[key].as_str().ok_or(format!("a vector without {key}: {vector}"));
        let mut seed = vec![options(vector["direction"].as_str())];
        append_hex(&mut seed, vector["before"].as_str().unwrap_or_default()).ok_or(format!("bad hex: {vector}"))?;
        append_hex(&mut seed, field("hex")?).ok_or(format!("bad hex: {vector}"))?;
        if seed.len() <= MAX_SEED_SIZE_BYTES {
            seeds.insert(format!("seed-{}", field("name")?).into(), seed);
        }
    }
    Ok(seeds)
}

/// The options byte (see `input.rs`) that leaves the bytes as they are, and reads them the vector's way.
fn options(direction: Option<&str>) -> u8 {
    match direction {
        Some("to-server") => 1 << 2,
        Some("to-client") => 2 << 2,
        _ => 0,
    }
}

/// `01 02 41*3` is 01 02 41 41 41: `*n` repeats the run of bytes before it.
fn append_hex(bytes: &mut Vec<u8>, hex: &str) -> Option<()> {
    for word in hex.split_whitespace() {
        let (digits, times) = match word.split_once('*') {
            Some((digits, times)) => (digits, times.parse().ok()?),
            None => (word, 1),
        };
        let run: Option<Vec<u8>> = digits
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok().filter(|_| pair.len() == 2))
            .collect();
        bytes.extend(run?.repeat(times));
    }
    Some(())
}

fn committed(corpus: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>, Box<dyn Error>> {
    fs::create_dir_all(corpus)?;
    let mut seeds = BTreeMap::new();
    for entry in fs::read_dir(corpus)? {
        let name = entry?.file_name();
        if name.to_string_lossy().starts_with("seed-") {
            seeds.insert(PathBuf::from(&name), fs::read(corpus.join(&name))?);
        }
    }
    Ok(seeds)
}
