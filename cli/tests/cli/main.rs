//! The real binary, run as its users run it: against the real server over loopback, or against a
//! scripted one that misbehaves.

mod arguments;
mod bench;
mod capture_cases;
mod capture_envelopes;
mod capture_losses;
mod capture_openings;
mod capture_repeats;
mod captures;
mod chat;
mod chat_profile;
mod client_tls;
mod connections;
mod container;
mod decode;
mod echo_family;
mod encode;
mod faults;
mod listen;
mod operation;
mod output;
mod packaging;
mod packets;
mod probe;
mod reload;
mod retry;
mod schemas;
mod scripts;
mod send;
mod serve;
mod settings;
mod signals;
mod support;
mod tls;
mod top;
mod way;
