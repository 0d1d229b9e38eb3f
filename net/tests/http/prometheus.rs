//! A strict parser of Prometheus's text format 0.0.4: unknown lines fail the test. It checks the
//! format's rules and Prometheus's advice on names, most of which promtool checks too.

use std::collections::HashMap;

#[derive(Debug, Default)]
pub(super) struct Family {
    pub(super) help: String,
    pub(super) kind: String,
    /// Values by the sample's name and its labels as written.
    pub(super) samples: Vec<(String, f64)>,
}

impl Family {
    pub(super) fn value(&self, sample: &str) -> f64 {
        let found = self.samples.iter().find(|(name, _)| name == sample);
        found.unwrap_or_else(|| panic!("no {sample} in {:?}", self.samples)).1
    }
}

/// The families by name.
pub(super) fn parse(text: &str) -> HashMap<String, Family> {
    assert!(text.ends_with('\n') && !text.contains('\r'));
    let mut families: HashMap<String, Family> = HashMap::new();
    let mut current = String::new();
    for line in text.lines() {
        if let Some(described) = line.strip_prefix("# HELP ") {
            let (name, help) = described.split_once(' ').unwrap();
            assert!(is_name(name) && help.len() > 10 && !help.contains('\\'), "{line}");
            assert!(
                families
                    .insert(name.to_owned(), Family { help: help.to_owned(), ..Family::default() })
                    .is_none()
            );
            name.clone_into(&mut current);
        } else if let Some(typed) = line.strip_prefix("# TYPE ") {
            let (name, kind) = typed.split_once(' ').unwrap();
            assert_eq!(name, current, "TYPE comes right after its HELP");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            let family = families.get_mut(name).unwrap();
            assert!(family.kind.is_empty());
            kind.clone_into(&mut family.kind);
        } else {
            assert!(!line.starts_with('#') && !line.is_empty(), "{line:?}");
            let (sample, value) = line.rsplit_once(' ').unwrap();
            let family = families.get_mut(&current).unwrap();
            assert!(!family.kind.is_empty(), "{line} before its TYPE");
            let name = sample.split('{').next().unwrap();
            let suffixes: &[&str] =
                if family.kind == "histogram" { &["_sum", "_count", "_bucket"] } else { &[""] };
            assert!(
                suffixes.iter().any(|suffix| name == format!("{current}{suffix}")),
                "{line} in {current}"
            );
            check_labels(&sample[name.len()..]);
            let value = value.parse().unwrap();
            assert!(!family.samples.iter().any(|(other, _)| other == sample), "{sample} twice");
            family.samples.push((sample.to_owned(), value));
        }
    }
    families.iter().for_each(|(name, family)| check(name, family));
    families
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// One label at most, its value in letters, digits and a few marks that need no escape.
fn check_labels(labels: &str) {
    if labels.is_empty() {
        return;
    }
    let inner = labels.strip_prefix('{').and_then(|labels| labels.strip_suffix("\"}")).unwrap();
    let (name, value) = inner.split_once("=\"").unwrap();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.+".contains(&byte);
    assert!(is_name(name) && !value.is_empty() && value.bytes().all(plain), "{labels}");
}

fn check(name: &str, family: &Family) {
    assert!(!family.samples.is_empty(), "{name} has no samples");
    assert_eq!(name.ends_with("_total"), family.kind == "counter", "{name}");
    for (sample, value) in &family.samples {
        assert!(value.is_finite() && *value >= 0.0, "{sample} {value}");
        assert_eq!(sample.contains("le=\""), sample.contains("_bucket{"), "{sample}");
    }
    if family.kind == "histogram" {
        assert!(name.ends_with("_seconds"), "{name}");
        let buckets: Vec<(f64, f64)> = family
            .samples
            .iter()
            .filter_map(|(sample, value)| {
                let bound =
                    sample.strip_prefix(&format!("{name}_bucket{{le=\""))?.strip_suffix("\"}")?;
                Some((bound.parse().unwrap(), *value))
            })
            .collect();
        assert!(buckets.is_sorted_by(|one, next| one.0 < next.0 && one.1 <= next.1), "{buckets:?}");
        let count = family.value(&format!("{name}_count"));
        assert_eq!(buckets.last(), Some(&(f64::INFINITY, count)));
        assert!(count > 0.0 || family.value(&format!("{name}_sum")) == 0.0);
    }
}
