//! Typical use of the core's features. Each module is measured as the difference to a program that
//! parses and encodes without features. The program's own part is in `harness`.

#[cfg(feature = "alloc")]
pub mod owned;
#[cfg(feature = "embedded-io")]
pub mod port;
#[cfg(feature = "embedded-io-async")]
pub mod port_async;
#[cfg(feature = "serde")]
pub mod postcard_format;
