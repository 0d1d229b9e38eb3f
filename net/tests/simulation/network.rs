//! The simulated world around the driver: clients come, speak, fetch and go, bytes move between
//! them and the server's system, and the driver waits and ticks as the server's loop has it.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;
use std::time::Duration;

use cafewire_net::broker::Broker;
use cafewire_net::driver::Driver;
use cafewire_net::{CloseReason, MetricsSnapshot, ServerMetrics};
use slotmap::SecondaryMap;

use crate::client::{Client, Cx, Habit, ROOMS};
use crate::close_log;
use crate::endpoint::Endpoint;
use crate::frames::Frames;
use crate::io::{EndpointKey, SimIo};
use crate::random::Random;
use crate::watch::Watch;
use crate::work::Progress;
use crate::world::World;

/// Ticks in which everything must have been flushed that any client takes.
const CALM_TICKS_MAX: usize = 40_000;

/// Waits in a row that sleep and hear of nothing: then all is calm.
const CALM_WAITS: usize = 4;

/// Bytes that come to the server at a time when all is calm.
const CALM_SEGMENT_BYTES: usize = 2000;

pub(crate) const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// How a run went.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) metrics: MetricsSnapshot,
    /// Of every byte that a client took, in that order: equal if and only if the runs were.
    pub(crate) digest: u64,
    pub(crate) connected_at_once: usize,
    pub(crate) times_reloaded: usize,
    pub(crate) ticks: usize,
}

/// A client that is gone.
pub(crate) struct Past {
    pub(crate) client: Client,
    /// It did not get everything, so that it is not known which rooms it was in.
    pub(crate) is_stranger: bool,
}

/// How far a run is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// The witness comes, and no other client: it has to hear all that is told in its rooms.
    Opening,
    /// Anything happens.
    Open,
    /// The end, when all but the deaf take whatever there is and nothing more goes wrong.
    Calm,
}

pub(crate) struct Network {
    pub(crate) world: World,
    random: Random,
    pub(crate) driver: Driver<SimIo>,
    pub(crate) metrics: Arc<ServerMetrics>,
    /// Those that are here, in the order they came.
    pub(crate) order: Vec<EndpointKey>,
    pub(crate) watches: SecondaryMap<EndpointKey, Watch>,
    pub(crate) past: Vec<Past>,
    pub(crate) frames: Frames,
    times_shown: HashSet<u64>,
    arrivals: usize,
    connected_at_once: usize,
    ticks: usize,
    digest: DefaultHasher,
    phase: Phase,
    pub(crate) is_going_down: bool,
    /// Other limits have come with this tick.
    pub(crate) has_just_reloaded: bool,
    /// The tick before left something unwritten.
    pub(crate) was_cut: bool,
}

impl Network {
    pub(crate) fn new(seed: u64) -> Self {
        close_log::listen();
        let mut random = Random::new(seed);
        let world = World::new(seed, &mut random);
        let metrics = Arc::new(ServerMetrics::default());
        let broker = Broker::new(world.limits().clone(), Arc::clone(&metrics));
        let mut io = SimIo::new(&world, &mut random);
        io.work.set_limits(world.limits());
        Self {
            driver: Driver::new(io, broker, Arc::clone(&metrics)),
            world,
            random,
            metrics,
            order: Vec::new(),
            watches: SecondaryMap::new(),
            past: Vec::new(),
            frames: Frames::default(),
            times_shown: HashSet::new(),
            arrivals: 0,
            connected_at_once: 0,
            ticks: 0,
            // Its keys are fixed, unlike a RandomState's.
            digest: DefaultHasher::new(),
            phase: Phase::Opening,
            is_going_down: false,
            has_just_reloaded: false,
            was_cut: false,
        }
    }

    pub(crate) fn run(mut self) -> Outcome {
        self.open();
        assert_eq!(self.arrivals, 1, "another client came before the witness was in every room");
        self.phase = Phase::Open;
        for _ in 0..self.world.steps {
            self.happen();
            self.turn();
        }
        self.phase = Phase::Calm;
        self.driver.io_mut().is_calm = true;
        self.calm_down();
        self.judge_the_living();
        self.judge_the_rooms();
        if self.world.ends_by_shutting_down {
            self.shut_down();
        } else {
            self.leave_for_good();
        }
        assert!(self.driver.broker().is_empty());
        let left = self.metrics.snapshot();
        assert_eq!(
            (left.users, left.rooms, left.clients_connected, left.buffer_bytes),
            (0, 0, 0, 0)
        );
        // Who came from where no proxy is got no further than that.
        let untrusted = left.closes(CloseReason::UntrustedProxy);
        assert_eq!(untrusted, self.driver.io_mut().untrusted, "untrusted proxies miscounted");
        Outcome {
            metrics: left,
            digest: self.digest.finish(),
            connected_at_once: self.connected_at_once,
            times_reloaded: self.world.times_reloaded(),
            ticks: self.ticks,
        }
    }

    /// The witness comes before all others, and joins every room.
    fn open(&mut self) {
        self.arrive(Habit::Witness);
        let key = self.order[0];
        for _ in 0..200 {
            self.arrive_bytes(key, usize::MAX);
            self.fetch(key);
            self.turn();
            if self.driver.io_mut().endpoints[key].client.rooms() == ROOMS.len() {
                return;
            }
        }
        panic!("the witness is not let in: {:?}", self.metrics.snapshot());
    }

    // ---- The loop -------------------------------------------------------------------------------

    /// What the server's loop does between two waits.
    fn turn(&mut self) {
        self.ticks += 1;
        self.tick_wall_clock();
        self.driver.wait(None).unwrap();
        self.judge_sleep();
        if self.phase == Phase::Open && self.random.one_in(40) {
            // The process is stopped, or the machine sleeps, and the world goes on.
            let longest = self.random.pick(&[20, 20, 3000, 30_000, 3_600_000]);
            let stopped_ms = 1 + self.random.size(longest) as u64;
            self.driver.io_mut().pass(stopped_ms);
            self.happen();
        }
        self.reload();
        let now = self.driver.io_mut().now;
        self.times_shown.insert(now.unix_ms);
        let progress = Progress::of(&self.metrics, self.driver.broker().len());
        self.driver.io_mut().work.start_tick(progress);
        let before = self.watch_tick();
        self.driver.tick(now);
        if !self.world.is_crowd || self.ticks.is_multiple_of(8) {
            self.driver.invariants();
        }
        self.judge_tick(&before);
        self.drop_closed();
        self.connected_at_once = self.connected_at_once.max(self.driver.broker().len());
    }

    /// The wall clock goes on, goes back, and shows times that were never set.
    fn tick_wall_clock(&mut self) {
        let random = &mut self.random;
        let now = &mut self.driver.io_mut().now;
        match random.below(40) {
            0 => now.unix_ms = random.next(),
            1 => now.unix_ms = random.pick(&[0, 1, u64::MAX]),
            2 => now.unix_ms = now.unix_ms.saturating_sub(random.size(10_000_000) as u64),
            _ => {}
        }
        now.monotonic_ms += u64::from(random.one_in(3));
    }

    /// The limits change, now and then, where the server's loop has them change: between the wait
    /// and the tick.
    fn reload(&mut self) {
        self.has_just_reloaded = false;
        if self.phase == Phase::Calm {
            return;
        }
        if let Some(limits) = self.world.reload(&mut self.random) {
            self.has_just_reloaded = true;
            let limits = limits.clone();
            let now = self.driver.io_mut().now;
            self.driver.io_mut().work.set_limits(&limits);
            self.driver.set_limits(limits, now);
        }
    }

    // ---- What happens ---------------------------------------------------------------------------

    fn happen(&mut self) {
        for _ in 0..self.random.below(self.world.arrivals_per_step_max + 1) {
            if self.order.len() < self.world.clients_max {
                let habit = self.random.pick(&[
                    Habit::Keen,
                    Habit::Keen,
                    Habit::Polite,
                    Habit::Polite,
                    Habit::Slow,
                    Habit::Slow,
                    Habit::Deaf,
                    Habit::Rude,
                    Habit::Echo,
                    Habit::Flood,
                    Habit::Lurker,
                    Habit::Mute,
                ]);
                self.arrive(habit);
            }
        }
        let mut keys = self.order.clone();
        self.random.shuffle(&mut keys);
        for key in keys {
            if self.random.below(100) < self.world.activity_percent {
                let endpoint = &mut self.driver.io_mut().endpoints[key];
                endpoint.client.speak(&mut self.random, &self.world);
                self.suffer(key);
            }
            self.fetch(key);
            let segment = self.driver.io_mut().endpoints[key].segment_bytes_max;
            let at_most = if self.random.one_in(2) { segment } else { self.random.size(segment) };
            self.arrive_bytes(key, at_most);
        }
    }

    fn arrive(&mut self, habit: Habit) {
        self.arrivals += 1;
        let mut client = Client::new(habit, self.arrivals);
        client.speak(&mut self.random, &self.world);
        let endpoint = Endpoint::new(client, &mut self.random);
        let key = self.driver.io_mut().connect(endpoint);
        self.watches.insert(key, Watch::default());
        self.order.push(key);
    }

    /// What goes wrong for this client: its connection breaks, it has no more to say, or nothing
    /// passes for a while.
    fn suffer(&mut self, key: EndpointKey) {
        let random = &mut self.random;
        let io = self.driver.io_mut();
        let endpoint = &mut io.endpoints[key];
        if endpoint.client.habit == Habit::Witness {
            return;
        }
        match random.below(400) {
            0 => endpoint.break_down(),
            1 => {
                endpoint.is_forged = endpoint.tls.is_some();
                endpoint.break_down();
            }
            2..4 if !endpoint.client.half_closed => endpoint.client.half_close(random),
            4..10 => endpoint.stalled_ticks = random.size(60),
            10..14 => io.rouse(key),
            _ => {}
        }
        io.sync(key);
    }

    /// Bytes of a client come to the server's system.
    fn arrive_bytes(&mut self, key: EndpointKey, at_most: usize) {
        let repeats = self.random.one_in(3);
        let io = self.driver.io_mut();
        let now_ms = io.now.monotonic_ms;
        let endpoint = &mut io.endpoints[key];
        if !endpoint.stalls() {
            endpoint.arrive(at_most, now_ms, repeats);
            io.sync(key);
        }
    }

    /// A client takes bytes of the server's.
    fn fetch(&mut self, key: EndpointKey) {
        let Self { driver, random, world, frames, times_shown, digest, .. } = self;
        let io = driver.io_mut();
        let endpoint = &mut io.endpoints[key];
        let at_most = if self.phase == Phase::Calm {
            endpoint.calm_appetite()
        } else if endpoint.stalls() {
            0
        } else {
            endpoint.appetite(random)
        };
        if at_most > 0 && endpoint.has_unfetched() {
            let bytes = endpoint.fetch(at_most);
            digest.write(&bytes);
            endpoint.client.hear(&bytes, &mut Cx { world, frames, times_shown });
        }
        if endpoint.sees_end() {
            endpoint.client.end();
            // Most then end as well; some leave the server waiting.
            if !random.one_in(4) {
                endpoint.client.half_closed = true;
            }
        }
        io.sync(key);
    }

    /// The server let go of some connections. What it had sent before is still fetched.
    fn drop_closed(&mut self) {
        let closed = std::mem::take(&mut self.driver.io_mut().work.closed);
        for key in closed {
            let Self { driver, world, frames, times_shown, digest, .. } = self;
            let Some(mut endpoint) = driver.io_mut().endpoints.remove(key) else { continue };
            let bytes = endpoint.fetch(usize::MAX);
            digest.write(&bytes);
            endpoint.client.hear(&bytes, &mut Cx { world, frames, times_shown });
            let is_stranger = self.judge_dropped(key, &endpoint);
            self.past.push(Past { client: endpoint.client, is_stranger });
        }
        let endpoints = &self.driver.io_mut().endpoints;
        let is_here = |key| endpoints.get(key).is_some_and(|endpoint| !endpoint.is_closed);
        self.order.retain(|&key| is_here(key));
    }

    // ---- The end --------------------------------------------------------------------------------

    /// Turns until nothing moves any more.
    fn calm_down(&mut self) {
        let mut quiet = 0;
        let mut moved_ms = 0;
        let mut last = Progress::default();
        for _ in 0..CALM_TICKS_MAX {
            let before = Progress::of(&self.metrics, self.order.len());
            for key in self.order.clone() {
                self.driver.io_mut().endpoints[key].calm_down();
                self.fetch(key);
                self.arrive_bytes(key, CALM_SEGMENT_BYTES);
            }
            self.turn();
            let slept = self.driver.io_mut().work.slept;
            let has_moved = before != Progress::of(&self.metrics, self.order.len());
            quiet = if has_moved { 0 } else { quiet + usize::from(slept) };
            let now_ms = self.driver.io_mut().now.monotonic_ms;
            moved_ms = if has_moved { now_ms } else { moved_ms };
            // A full room gives the deaf so much time, in which nothing moves.
            let is_room_over =
                u128::from(now_ms - moved_ms) > self.world.limits().full_room_time.as_millis();
            if quiet >= CALM_WAITS && is_room_over {
                return;
            }
            last = before;
        }
        let progress = Progress::of(&self.metrics, self.order.len());
        panic!("after {CALM_TICKS_MAX} calm ticks bytes still move: {last:?}, {progress:?}");
    }

    /// All but the witness go, in one way or another; then the witness.
    fn leave_for_good(&mut self) {
        for key in self.order.clone() {
            let io = self.driver.io_mut();
            let Some(endpoint) = io.endpoints.get_mut(key) else { continue };
            if endpoint.client.habit == Habit::Witness {
                continue;
            }
            // From the deaf nothing may be read any more, not even the end.
            if self.random.one_in(2) && endpoint.client.habit != Habit::Deaf {
                endpoint.client.half_closed = true;
            } else {
                endpoint.break_down();
                io.sync(key);
            }
            // Mass departures are much to say at once.
            if self.random.one_in(20) {
                self.turn();
            }
        }
        self.calm_down();
        self.judge_the_departures();
        self.lose_all();
    }

    fn lose_all(&mut self) {
        for _ in 0..CALM_TICKS_MAX {
            for key in self.order.clone() {
                self.driver.io_mut().endpoints[key].break_down();
                self.driver.io_mut().sync(key);
            }
            self.turn();
            if self.order.is_empty() {
                return;
            }
        }
        panic!("{} connections stay though they are lost", self.order.len());
    }

    /// The server tells all, and drops those who do not take it when the drain timeout is over.
    fn shut_down(&mut self) {
        let now = self.driver.io_mut().now;
        self.is_going_down = true;
        self.driver.io_mut().stop_listening();
        self.driver.shut_down(DRAIN_TIMEOUT, now);
        for _ in 0..3 {
            for key in self.order.clone() {
                self.fetch(key);
            }
            self.turn();
        }
        self.driver.io_mut().pass(u64::try_from(DRAIN_TIMEOUT.as_millis()).unwrap());
        self.turn();
        // Lingering begins with the flush and lasts for the close timeout, which may be endless.
        self.lose_all();
    }
}
