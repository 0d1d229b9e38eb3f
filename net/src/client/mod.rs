//! The blocking clients.
