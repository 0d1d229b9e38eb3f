//! Progress bar of a load test on standard error, if that is a terminal.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use cafewire_net::load::{Amount, LoadConfig, Monitor, Phase, Progress, Work};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::numbers::{count, short_rate};

const REFRESH: Duration = Duration::from_millis(200);
const STYLE: &str = "{prefix:>12} {bar:24} {msg}";

/// A bar that is drawn until it is dropped, and then wiped away.
pub(super) struct Bar {
    /// Dropping it ends the thread.
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Bar {
    pub(super) fn start(monitor: Monitor, config: &LoadConfig) -> Self {
        let (end, ended) = channel();
        let scale = Scale::of(config);
        let thread = thread::spawn(move || {
            let bar = ProgressBar::with_draw_target(Some(1000), ProgressDrawTarget::stderr());
            // The template is a constant, so that an error in it shows in every run.
            bar.set_style(
                ProgressStyle::with_template(STYLE)
                    .unwrap_or_else(|_| ProgressStyle::default_bar()),
            );
            let mut view = View::new(scale, Instant::now());
            while ended.recv_timeout(REFRESH) == Err(RecvTimeoutError::Timeout) {
                let drawn = view.draw(monitor.progress(), Instant::now());
                bar.set_prefix(drawn.phase);
                bar.set_position(drawn.permille);
                bar.set_message(drawn.message);
            }
            bar.finish_and_clear();
        });
        Self { end: Some(end), thread: Some(thread) }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.end = None;
        if let Some(thread) = self.thread.take() {
            // A bar that could not be drawn does not affect the test.
            let _ = thread.join();
        }
    }
}

/// The length of each phase.
#[derive(Clone, Copy)]
struct Scale {
    connections: u64,
    messages: Option<u64>,
    idle: Duration,
    warm_up: Duration,
    time: Duration,
}

/// The counts drawn last, which rates are relative to.
struct View {
    scale: Scale,
    phase: Phase,
    phase_began: Instant,
    last: Progress,
    last_at: Instant,
}

struct Drawn {
    phase: &'static str,
    permille: u64,
    message: String,
}

impl Scale {
    fn of(config: &LoadConfig) -> Self {
        let connections = config.work.connections();
        let (messages, time) = match config.amount {
            Amount::Messages(messages) => (Some(messages), Duration::ZERO),
            Amount::Time(time) => (None, time),
        };
        let is_idle = matches!(config.work, Work::Idle { .. });
        Self {
            connections: connections as u64,
            messages: if is_idle { Some(connections as u64) } else { messages },
            idle: if is_idle { time } else { Duration::ZERO },
            warm_up: config.warm_up,
            time,
        }
    }
}

impl View {
    fn new(scale: Scale, now: Instant) -> Self {
        let last = Monitor::default().progress();
        Self { scale, phase: last.phase, phase_began: now, last, last_at: now }
    }

    fn draw(&mut self, progress: Progress, now: Instant) -> Drawn {
        if progress.phase != self.phase {
            (self.phase, self.phase_began) = (progress.phase, now);
        }
        let phase_time = now.saturating_duration_since(self.phase_began);
        let since_last = now.saturating_duration_since(self.last_at).as_secs_f64();
        #[allow(clippy::cast_precision_loss)] // three digits are shown
        let per_second =
            |now: u64, before: u64| now.saturating_sub(before) as f64 / since_last.max(1e-3);
        let sent = short_rate(per_second(progress.sent, self.last.sent));
        let received = short_rate(per_second(progress.received, self.last.received));
        (self.last, self.last_at) = (progress, now);
        let sending = || {
            let share = self.scale.messages.map(|messages| permille(progress.sent, messages));
            (
                share.unwrap_or_else(|| permille_of_time(phase_time, self.scale.time)),
                format!("{sent} sent, {received} delivered"),
            )
        };
        let (phase, (permille, message)) = match progress.phase {
            Phase::Connecting => {
                let retried = if progress.retried > 0 {
                    format!(", {} retried", count(progress.retried))
                } else {
                    String::new()
                };
                let message = format!(
                    "{} of {} connections{retried}",
                    count(progress.ready),
                    count(self.scale.connections)
                );
                ("connecting", (permille(progress.ready, self.scale.connections), message))
            }
            Phase::Idling => {
                let message = format!("{} connections held", count(progress.ready));
                ("idling", (permille_of_time(phase_time, self.scale.idle), message))
            }
            Phase::WarmingUp => {
                ("warming up", (permille_of_time(phase_time, self.scale.warm_up), sending().1))
            }
            Phase::Measuring => ("measuring", sending()),
            Phase::Draining => ("draining", (1000, format!("{received} delivered"))),
            Phase::Done => ("done", (1000, String::new())),
        };
        Drawn { phase, permille, message }
    }
}

fn permille(part: u64, whole: u64) -> u64 {
    (part.saturating_mul(1000) / whole.max(1)).min(1000)
}

fn permille_of_time(part: Duration, whole: Duration) -> u64 {
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    permille(millis(part), millis(whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_those_since_the_last_look() {
        let echo = Work::Echo { connections: 4, in_flight: 1, size_bytes: 64 };
        let config = LoadConfig::new("h:1".parse().unwrap(), echo);
        let began = Instant::now();
        let mut view = View::new(Scale::of(&config), began);
        let at = |ms| began + Duration::from_millis(ms);
        let progress = |phase, count| {
            let mut progress = Monitor::default().progress();
            (progress.phase, progress.ready, progress.sent, progress.received) =
                (phase, 4, count, 2 * count);
            progress
        };
        let drawn = view.draw(progress(Phase::Connecting, 0), at(0));
        assert_eq!(
            (drawn.phase, drawn.permille, drawn.message.as_str()),
            ("connecting", 1000, "4 of 4 connections")
        );
        view.draw(progress(Phase::Measuring, 0), at(1000));
        let drawn = view.draw(progress(Phase::Measuring, 500_000), at(1500));
        assert_eq!((drawn.phase, drawn.permille), ("measuring", 50), "half a second of ten");
        assert_eq!(drawn.message, "1.00 M/s sent, 2.00 M/s delivered");
        let drawn = view.draw(progress(Phase::Draining, 500_000), at(2500));
        assert_eq!((drawn.permille, drawn.message.as_str()), (1000, "0/s delivered"));
    }

    #[test]
    fn the_bar_is_full_at_the_end_and_not_beyond() {
        assert_eq!([permille(0, 0), permille(1, 2), permille(5, 2)], [0, 500, 1000]);
        assert_eq!(permille_of_time(Duration::from_secs(3), Duration::ZERO), 1000);
    }

    #[test]
    fn its_style_is_understood() {
        assert!(ProgressStyle::with_template(STYLE).is_ok());
    }
}
