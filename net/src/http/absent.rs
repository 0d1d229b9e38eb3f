//! What stands for the HTTP server in a build without the feature `http`: none can be made, so that
//! the event loop asks for it in the same way and the compiler leaves the rest out.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use mio::event::Event;
use mio::{Registry, Token};

use crate::broker::Broker;
use crate::config::Limits;
use crate::metrics::ServerMetrics;

pub(crate) enum AdminServer {}

impl AdminServer {
    pub(crate) const TOKENS: usize = 0;

    pub(crate) fn new(
        _: Vec<TcpListener>,
        _: Limits,
        _: Arc<ServerMetrics>,
        _: &Registry,
        _: usize,
    ) -> io::Result<Self> {
        Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "this build has no HTTP server: it was made without the feature `http`",
        ))
    }

    pub(crate) fn local_addresses(&self) -> impl Iterator<Item = SocketAddr> {
        match *self {}
        #[allow(unreachable_code)]
        std::iter::empty()
    }

    pub(crate) const fn set_limits(&mut self, _: Limits) {
        match *self {}
    }

    pub(crate) const fn owns(&self, _: Token) -> bool {
        match *self {}
    }

    pub(crate) const fn set_ready(&mut self, _: &Event) {
        match *self {}
    }

    pub(crate) const fn is_busy(&self, _now_ms: u64) -> bool {
        match *self {}
    }

    pub(crate) const fn next_deadline_ms(&self) -> Option<u64> {
        match *self {}
    }

    pub(crate) const fn tick(&mut self, _now_ms: u64, _: &Broker) {
        match *self {}
    }
}
