//! What a seed decides: how many clients, how restless, under which limits, whether those change on
//! the way, and how it ends.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use cafewire_net::Limits;

use crate::random::Random;

/// Every so many seeds one is a crowd: more than a thousand clients in the same rooms.
const CROWD_EVERY: u64 = 64;

const MEBIBYTE: usize = 1 << 20;

/// In a world whose limits change, they do so once in so many steps.
const RELOAD_EVERY: usize = 60;

#[derive(Debug)]
pub(crate) struct World {
    /// All limits that were in force, those that are now at the end. Bytes that were queued and
    /// ends that began under the earlier ones outlive them.
    limits: Vec<Limits>,
    is_crowd: bool,
    /// The limits change on the way. Only in some worlds: in the others nothing excuses what its
    /// limits forbid.
    reloads: bool,
    pub(crate) steps: usize,
    /// Clients at a time.
    pub(crate) clients_max: usize,
    pub(crate) arrivals_per_step_max: usize,
    /// How many of a hundred clients do something in a step.
    pub(crate) activity_percent: usize,
    /// Everybody says several long things at a time, so that rooms fill their logs.
    pub(crate) is_loud: bool,
    /// The server is told to shut down, instead of being left by everybody.
    pub(crate) ends_by_shutting_down: bool,
}

impl World {
    pub(crate) fn new(seed: u64, random: &mut Random) -> Self {
        let ends_by_shutting_down = random.one_in(4);
        let is_loud = random.one_in(3);
        let reloads = random.one_in(3);
        let is_crowd = seed % CROWD_EVERY == CROWD_EVERY / 2;
        let limits = vec![draw_limits(is_crowd, random)];
        if is_crowd {
            Self {
                limits,
                is_crowd,
                reloads,
                steps: 100 + random.below(60),
                clients_max: 1100 + random.below(1900),
                arrivals_per_step_max: 64,
                activity_percent: 2,
                is_loud,
                ends_by_shutting_down,
            }
        } else {
            Self {
                limits,
                is_crowd,
                reloads,
                steps: 250 + random.below(250),
                clients_max: 8 + random.below(24),
                arrivals_per_step_max: 1 + random.below(3),
                activity_percent: 20 + random.below(60),
                is_loud,
                ends_by_shutting_down,
            }
        }
    }

    /// The limits in force.
    pub(crate) fn limits(&self) -> &Limits {
        self.limits.last().unwrap()
    }

    /// Whether this is true of the limits in force, or was of those before.
    pub(crate) fn ever(&self, is_so: impl Fn(&Limits) -> bool) -> bool {
        self.limits.iter().any(is_so)
    }

    pub(crate) const fn times_reloaded(&self) -> usize {
        self.limits.len() - 1
    }

    /// The limits from this step on, if they change with it.
    pub(crate) fn reload(&mut self, random: &mut Random) -> Option<&Limits> {
        if !self.reloads || !random.one_in(RELOAD_EVERY) {
            return None;
        }
        self.limits.push(draw_limits(self.is_crowd, random));
        self.limits.last()
    }

    pub(crate) fn is_rate_limited(&self) -> bool {
        self.ever(|limits| limits.frames_per_second > 0 || limits.bytes_per_second > 0)
    }

    /// Whether the server may drop somebody who has not taken everything: because its time is over,
    /// or for its memory.
    pub(crate) fn may_drop_unflushed(&self) -> bool {
        self.ever(|limits| {
            !limits.close_timeout.is_zero() || (1..MEBIBYTE).contains(&limits.buffer_bytes)
        })
    }

    /// Bytes that rooms may say in a tick. More could leave even those behind who read everything
    /// at once.
    pub(crate) fn said_bytes_per_turn_max(&self) -> u64 {
        match self.limits().room_log_bytes {
            0 => MEBIBYTE as u64 / 4,
            bytes => bytes as u64 / 4,
        }
    }
}

fn draw_limits(is_crowd: bool, random: &mut Random) -> Limits {
    if is_crowd { limits_of_a_crowd(random) } else { tight_limits(random) }
}

/// Small bounds, so that they are met; each of them off in some worlds.
fn tight_limits(random: &mut Random) -> Limits {
    let seconds = |random: &mut Random, choices: &[u64]| Duration::from_secs(random.pick(choices));
    let mut limits = Limits::default();
    limits.connections = random.pick(&[0, 0, 0, 12, 65_536]);
    limits.connections_per_address = random.pick(&[0, 0, 5, 1024]);
    limits.outbox_bytes = random.pick(&[1, 140_000, 200_000, MEBIBYTE, 0]);
    limits.presence_members_max = 0;
    limits.full_room_time = Duration::from_millis(random.pick(&[1, 20, 100]));
    limits.outbox_bytes_before_sign_in = random.pick(&[1, 4096, 0]);
    limits.read_pause_bytes = random.pick(&[1, 8 << 10, 64 << 10, 0]);
    limits.room_log_bytes = random.pick(&[32 << 10, 32 << 10, 100 << 10, 0]);
    limits.frames_per_second = random.pick(&[0, 0, 0, 0, 50]);
    limits.bytes_per_second = random.pick(&[0, 0, 0, 0, 20_000]);
    limits.buffer_bytes = random.pick(&[0, 512 * MEBIBYTE, 64 << 10, 128 << 10, 300 << 10]);
    limits.rooms_per_connection = random.pick(&[4, 5, 64, 0]);
    limits.rooms = random.pick(&[5, 6, 65_536, 0]);
    limits.members_per_room = random.pick(&[3, 8, 65_536, 0]);
    limits.frames_per_tick = random.pick(&[1, 7, 256, 0]);
    limits.sign_in_timeout = seconds(random, &[2, 10, 0]);
    limits.idle_timeout = seconds(random, &[5, 60, 0]);
    limits.close_timeout = seconds(random, &[1, 2, 0]);
    limits
}

/// The default bounds, and memory for a crowd or for a part of it.
fn limits_of_a_crowd(random: &mut Random) -> Limits {
    let mut limits = Limits::default();
    limits.connections_per_address = 0;
    limits.outbox_bytes = random.pick(&[200_000, MEBIBYTE, 0]);
    limits.room_log_bytes = random.pick(&[MEBIBYTE / 2, MEBIBYTE, 0]);
    limits.buffer_bytes = random.pick(&[2 * MEBIBYTE, 512 * MEBIBYTE, 0]);
    limits.members_per_room = random.pick(&[1000, 65_536, 0]);
    limits.presence_members_max = 0;
    limits.full_room_time = Duration::from_millis(random.pick(&[1, 20, 100]));
    limits
}

/// Where the client with this number comes from: a few addresses, one of them in two notations.
pub(crate) fn address(number: usize) -> SocketAddr {
    let addresses = ["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"];
    let ip: IpAddr = addresses[number % addresses.len()].parse().unwrap();
    SocketAddr::new(ip, 1024)
}
