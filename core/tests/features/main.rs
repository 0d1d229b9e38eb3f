//! The optional features, each through its public interface, on the frames of
//! `vectors/`. Features that are off are not tested.

#![cfg(any(
    feature = "alloc",
    feature = "serde",
    feature = "defmt",
    feature = "embedded-io",
    feature = "embedded-io-async",
    feature = "lz4",
    feature = "sign",
    feature = "tokio-codec"
))]
#![allow(clippy::unwrap_used)] // helpers of tests may unwrap as tests do

mod corpus;

#[cfg(any(feature = "embedded-io-06", feature = "embedded-io-async-06"))]
mod compat_06;
#[cfg(feature = "lz4")]
mod compressed;
#[cfg(feature = "defmt")]
mod defmt_format;
#[cfg(feature = "tokio-codec")]
mod framed;
#[cfg(feature = "alloc")]
mod owned;
#[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
mod port;
#[cfg(feature = "sign")]
mod sealed;
#[cfg(feature = "sign")]
mod sealed_properties;
#[cfg(feature = "serde")]
mod serde_shape;
#[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
mod serial;
#[cfg(feature = "tokio-codec")]
mod tokio_codec;
