//! What a seed decides: how many clients, how restless, under which limits, whether those change on
//! the way, and how it ends.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use cafewire_net::Limits;

use crate::random::Random;
use crate::work::bound;

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
    pub(crate) is_crowd: bool,
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
    /// Members are in several rooms and speak in them by turns.
    pub(crate) takes_turns: bool,
    /// The server is told to shut down, instead of being left by everybody.
    pub(crate) ends_by_shutting_down: bool,
}

impl World {
    pub(crate) fn new(seed: u64, random: &mut Random) -> Self {
        let is_crowd = seed % CROWD_EVERY == CROWD_EVERY / 2;
        let mut world = Self {
            ends_by_shutting_down: random.one_in(4),
            is_loud: random.one_in(3),
            takes_turns: random.one_in(2),
            reloads: random.one_in(3),
            limits: vec![draw_limits(is_crowd, random)],
            is_crowd,
            steps: 250 + random.below(250),
            clients_max: 8 + random.below(24),
            arrivals_per_step_max: 1 + random.below(3),
            activity_percent: 20 + random.below(60),
        };
        if is_crowd {
            world.steps = 100 + random.below(60);
            world.clients_max = 1100 + random.below(1900);
            world.arrivals_per_step_max = 64;
            world.activity_percent = 2;
        }
        world
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

    /// The most that one read ever brought.
    pub(crate) fn read_bytes_max(&self) -> usize {
        self.limits.iter().map(read_bytes).max().unwrap()
    }

    pub(crate) fn is_rate_limited(&self) -> bool {
        self.ever(|limits| limits.frames_per_second > 0 || limits.bytes_per_second > 0)
    }

    /// Whether joins and leaves may be kept from the other members.
    pub(crate) fn may_hide_presence(&self) -> bool {
        self.ever(|limits| limits.presence_members_max > 0)
    }
}

/// How much one read brings under these limits: the loop's one buffer has bounds of its own.
pub(crate) fn read_bytes(limits: &Limits) -> usize {
    bound(limits.read_bytes_per_tick).clamp(1 << 10, 1 << 20)
}

fn draw_limits(is_crowd: bool, random: &mut Random) -> Limits {
    if is_crowd { limits_of_a_crowd(random) } else { tight_limits(random) }
}

/// Small bounds, so that they are met; each of them off in some worlds.
fn tight_limits(random: &mut Random) -> Limits {
    let millis = |random: &mut Random, choices: &[u64]| Duration::from_millis(random.pick(choices));
    let mut limits = Limits::default();
    limits.connections = random.pick(&[0, 0, 0, 12, 65_536]);
    limits.connections_per_address = random.pick(&[0, 0, 5, 1024]);
    limits.outbox_bytes = random.pick(&[1, 140_000, 200_000, MEBIBYTE, 0]);
    limits.outbox_hard_bytes = random.pick(&[1, 150_000, 300_000, 8 * MEBIBYTE, 0]);
    limits.slow_consumer_time = millis(random, &[1, 50, 1000, 10_000]);
    limits.full_room_time = millis(random, &[1, 20, 100, 1000]);
    limits.presence_members_max = random.pick(&[0, 0, 0, 3, 8]);
    limits.outbox_bytes_before_sign_in = random.pick(&[1, 4096, 0]);
    limits.read_pause_bytes = random.pick(&[1, 8 << 10, 64 << 10, 0]);
    limits.room_log_bytes = random.pick(&[32 << 10, 32 << 10, 100 << 10, 0]);
    limits.frames_per_second = random.pick(&[0, 0, 0, 0, 50]);
    limits.bytes_per_second = random.pick(&[0, 0, 0, 0, 20_000]);
    limits.buffer_bytes = random.pick(&[0, 512 * MEBIBYTE, 64 << 10, 128 << 10, 300 << 10]);
    limits.rooms_per_connection = random.pick(&[6, 7, 64, 0]);
    limits.rooms = random.pick(&[7, 8, 65_536, 0]);
    limits.rooms_per_address = random.pick(&[6, 7, 8192, 0]);
    limits.members_per_room = random.pick(&[3, 8, 65_536, 0]);
    limits.sign_in_timeout = millis(random, &[2000, 10_000, 0]);
    limits.idle_timeout = millis(random, &[5000, 60_000, 0]);
    limits.close_timeout = millis(random, &[1000, 2000, 0]);
    draw_work_per_tick(&mut limits, random);
    limits.ipv6_prefix_length = random.pick(&[128, 64, 1, 0]);
    limits
}

fn draw_work_per_tick(limits: &mut Limits, random: &mut Random) {
    limits.deliveries_per_tick = random.pick(&[1, 10, 200, 0, 0]);
    limits.connection_deliveries_per_tick = random.pick(&[1, 7, 100, 0, 0]);
    limits.flushes_per_tick = random.pick(&[1, 3, 16, 0]);
    limits.write_bytes_per_tick = random.pick(&[1 << 10, 10_000, 100_000, 0, 0]);
    limits.connection_write_bytes_per_tick = random.pick(&[1, 1000, 20_000, 0, 0]);
    limits.departures_per_tick = random.pick(&[1, 2, 256, 0]);
    limits.frames_per_tick = random.pick(&[1, 7, 256, 0]);
    limits.read_bytes_per_tick = random.pick(&[1, 2000, 64 << 10, 0]);
    limits.accepts_per_tick = random.pick(&[1, 2, 64, 0]);
    limits.handshakes_per_tick = random.pick(&[1, 4, 0]);
}

/// The default bounds, and memory for a crowd or for a part of it.
fn limits_of_a_crowd(random: &mut Random) -> Limits {
    let mut limits = Limits::default();
    limits.connections_per_address = 0;
    limits.outbox_bytes = random.pick(&[200_000, MEBIBYTE, 0]);
    limits.room_log_bytes = random.pick(&[MEBIBYTE / 2, MEBIBYTE, 0]);
    limits.buffer_bytes = random.pick(&[2 * MEBIBYTE, 512 * MEBIBYTE, 0]);
    limits.members_per_room = random.pick(&[1000, 65_536, 0]);
    limits.presence_members_max = random.pick(&[0, 0, 1024, 100]);
    limits.full_room_time = Duration::from_millis(random.pick(&[1, 20, 1000]));
    limits.deliveries_per_tick = random.pick(&[5000, 0]);
    limits.flushes_per_tick = random.pick(&[16, 100, 0]);
    limits.write_bytes_per_tick = random.pick(&[MEBIBYTE, 0]);
    limits
}

/// Where the client with this number comes from: a few addresses, one of them in two notations.
pub(crate) fn address(number: usize) -> SocketAddr {
    let addresses = ["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"];
    let ip: IpAddr = addresses[number % addresses.len()].parse().unwrap();
    SocketAddr::new(ip, 1024)
}
