//! What samples come to: medians and quartiles, and ratios of one contender's to another's. Pure
//! arithmetic.

use serde::Serialize;

use super::measure::Sample;

/// Lower quartile, median, upper quartile.
pub type Quartiles = [f64; 3];

/// What was measured, in quartiles over the rounds.
#[derive(Debug, Serialize)]
pub struct Figures {
    /// Deliveries per second.
    pub deliveries_per_second: Quartiles,
    /// The server's processor time per delivery.
    pub server_ns_per_delivery: Quartiles,
    /// How much of its core the generator used, 0 to 1.
    pub generator_load: Quartiles,
    /// How much of server's or generator's core other programs used, 0 to 1.
    pub others_load: Quartiles,
    /// For each reference, the ratios to it round by round; none where it has no figures.
    pub ratios: Vec<Option<Ratios>>,
}

/// A contender's figures as multiples of a reference's.
#[derive(Debug, Serialize)]
pub struct Ratios {
    /// Of the deliveries per second.
    pub throughput: Quartiles,
    /// Of the server's processor time per delivery.
    pub server_time: Quartiles,
}

impl Figures {
    /// Of one contender's samples, at least one, and those of the references.
    #[must_use]
    pub fn new(samples: &[Sample], references: &[Option<&Vec<Sample>>]) -> Self {
        let over = |figure: fn(&Sample) -> f64| quartiles(samples.iter().map(figure));
        let ratios = |reference: &Vec<Sample>| {
            let over = |figure: fn(&Sample) -> f64| {
                let pairs = samples.iter().zip(reference);
                quartiles(pairs.map(|(one, other)| figure(one) / figure(other)))
            };
            let throughput = over(Sample::throughput);
            Ratios { throughput, server_time: over(Sample::server_ns_per_delivery) }
        };
        Self {
            deliveries_per_second: over(Sample::throughput),
            server_ns_per_delivery: over(Sample::server_ns_per_delivery),
            generator_load: over(Sample::generator_load),
            others_load: over(Sample::others_load),
            ratios: references.iter().map(|reference| reference.map(ratios)).collect(),
        }
    }
}

/// The quartiles, of at least one value.
fn quartiles(values: impl Iterator<Item = f64>) -> [f64; 3] {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| values[values.len() * quarter / 4])
}
