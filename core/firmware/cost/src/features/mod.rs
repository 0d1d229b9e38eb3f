//! What the core's features are for, done as a program would do it. Each module is measured as the
//! difference to a program that parses and encodes and knows no feature. What the program itself
//! brings is in `harness`.

#[cfg(feature = "alloc")]
pub mod owned;
#[cfg(feature = "embedded-io")]
pub mod port;
#[cfg(feature = "embedded-io-async")]
pub mod port_async;
#[cfg(feature = "serde")]
pub mod postcard_format;
