//! The screen as a function of the samples. Draws what fits, the most telling first, from 40
//! columns and 10 rows up.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{RenderDirection, Sparkline};

use super::figures::{age, bytes, count, seconds};
use super::watch::{Moment, Watch};

const LABEL_WIDTH: u16 = 13;
const FIGURE_WIDTH: u16 = 9;

/// Width from which on the bound stands beside a figure that has one, and the width that it takes.
const BOUNDS_FROM_WIDTH: u16 = 60;
const BOUND_WIDTH: u16 = 11;

/// Width from which on the top of its scale stands beside a sparkline, and the width that it takes.
const SCALES_FROM_WIDTH: u16 = 70;
const SCALE_WIDTH: u16 = 8;

/// Widths from which on the limits that were reached stand beside the reasons of closes, and with
/// their bounds.
const LIMITS_FROM_WIDTH: u16 = 80;
const LIMIT_BOUNDS_FROM_WIDTH: u16 = 90;

/// The width of the reasons of closes where limits stand beside them.
const CLOSES_WIDTH: u16 = 38;

/// Height from which on the first two rates are drawn over several rows.
const TALL_HEIGHT: u16 = 30;

/// The height of all rows of figures; and, on a tall screen, with the first two three rows high,
/// and room between.
#[allow(clippy::cast_possible_truncation)] // there are fourteen
const ROWS_HEIGHT: u16 = ROWS.len() as u16;
const TALL_FIGURES_HEIGHT: u16 = 1 + 2 * (3 + 1) + (ROWS_HEIGHT - 2) + 1;

/// Parts of a unit that a sparkline tells apart: it takes whole numbers.
const SPARK_PARTS: f64 = 1e6;

/// A time past the histogram's last bound of one second, infinity, counts as a little more than
/// that.
const INFINITE: f64 = 2.0;

/// The colours, or none of them (<https://no-color.org>).
#[derive(Clone, Copy, Debug)]
pub(super) struct Palette {
    pub(super) is_coloured: bool,
}

impl Palette {
    const fn of(self, color: Color) -> Style {
        if self.is_coloured { Style::new().fg(color) } else { Style::new() }
    }

    const fn quiet(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }
}

/// One line of figures.
struct Row {
    label: &'static str,
    value: fn(&Moment) -> Option<f64>,
    show: fn(f64) -> String,
    color: Color,
    /// The limit that bounds it.
    bound: Option<&'static str>,
}

impl Row {
    const fn bounded_by(self, limit: &'static str) -> Self {
        Self { bound: Some(limit), ..self }
    }
}

const fn row(
    label: &'static str,
    value: fn(&Moment) -> Option<f64>,
    show: fn(f64) -> String,
    color: Color,
) -> Row {
    Row { label, value, show, color, bound: None }
}

const ROWS: [Row; 14] = [
    row("messages/s", |at| at.rates.map(|rates| rates.messages), count, Color::Yellow),
    row("deliveries/s", |at| at.rates.map(|rates| rates.deliveries), count, Color::Cyan),
    row("connections", |at| Some(at.now.connections), count, Color::Green)
        .bounded_by("connections"),
    row("users", |at| Some(at.now.users), count, Color::Green),
    row("rooms", |at| Some(at.now.rooms), count, Color::Green).bounded_by("rooms"),
    row("tick p99", |at| at.rates?.tick_p99_s, seconds, Color::Magenta),
    row("frame p99", |at| at.rates?.frame_p99_s, seconds, Color::Magenta),
    row("received/s", |at| at.rates.map(|rates| rates.received_bytes), bytes, Color::Blue),
    row("sent/s", |at| at.rates.map(|rates| rates.sent_bytes), bytes, Color::Blue),
    row("buffers", |at| Some(at.now.buffer_bytes), bytes, Color::Blue).bounded_by("buffer_bytes"),
    row("room logs", |at| Some(at.now.room_log_storage_bytes), bytes, Color::Blue),
    row("put off/s", |at| at.rates.map(|rates| rates.put_off), count, Color::Red),
    row("gathered/s", |at| at.rates.map(|rates| rates.gathered_writes), count, Color::Cyan),
    row("slow grace/s", |at| at.rates.map(|rates| rates.slow_consumer_graces), count, Color::Red),
];

/// Draws the whole screen. `now` is on the clock of the samples, `unix_s` on that of the world.
pub(super) fn draw(
    frame: &mut Frame<'_>,
    watch: &Watch,
    now: Duration,
    unix_s: f64,
    palette: Palette,
) {
    let Rect { height, .. } = frame.area();
    let is_tall = height >= TALL_HEIGHT;
    let wanted = if is_tall { TALL_FIGURES_HEIGHT } else { ROWS_HEIGHT };
    // The head, a line for the closes at least, the foot.
    let [head, figures, ends, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(wanted.min(height.saturating_sub(3))),
        Constraint::Fill(1),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    draw_head(frame, head, watch, now, unix_s, palette);
    if watch.sample.is_some() {
        draw_figures(frame, figures, watch, is_tall, palette);
        draw_ends(frame, ends, watch, palette);
    }
    let keys = format!("q quit   {}", watch.url);
    frame.render_widget(Line::styled(keys, palette.quiet()), foot);
}

fn draw_head(
    frame: &mut Frame<'_>,
    area: Rect,
    watch: &Watch,
    now: Duration,
    unix_s: f64,
    palette: Palette,
) {
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let mut spans = vec![Span::styled("cafewire", bold), Span::raw(" ")];
    match (&watch.trouble, &watch.sample) {
        (Some(trouble), _) => {
            let silent_s = now.saturating_sub(trouble.since).as_secs();
            let text = format!("no answer for {}, still trying: {}", age(silent_s), trouble.why);
            spans.push(Span::styled(text, palette.of(Color::Red).patch(bold)));
        }
        (None, None) => spans.push(Span::raw("asking…")),
        (None, Some(sample)) => {
            let (text, color) = if sample.is_draining {
                ("draining", Color::Yellow)
            } else {
                ("serving", Color::Green)
            };
            spans.push(Span::styled(text, palette.of(color).patch(bold)));
            // The clocks of two machines need not agree.
            let up_s = Duration::try_from_secs_f64(unix_s - sample.started_unix_s)
                .unwrap_or_default()
                .as_secs();
            spans.push(Span::styled(
                format!("  {}  up {}", sample.version, age(up_s)),
                palette.quiet(),
            ));
        }
    }
    frame.render_widget(Line::from(spans), area);
}

fn draw_figures(frame: &mut Frame<'_>, area: Rect, watch: &Watch, is_tall: bool, palette: Palette) {
    let (mut y, end) = (area.y + u16::from(is_tall), area.bottom());
    for (index, row) in ROWS.iter().enumerate() {
        let height = if is_tall && index < 2 { 3 } else { 1 };
        if y + height > end {
            return;
        }
        let line = Rect { y, height, ..area };
        let bound_width = if area.width < BOUNDS_FROM_WIDTH { 0 } else { BOUND_WIDTH };
        let scale_width = if area.width < SCALES_FROM_WIDTH { 0 } else { SCALE_WIDTH };
        let [label, figure, bound, _, spark, scale] = Layout::horizontal([
            Constraint::Length(LABEL_WIDTH),
            Constraint::Length(FIGURE_WIDTH),
            Constraint::Length(bound_width),
            Constraint::Length(1),
            Constraint::Fill(1),
            Constraint::Length(scale_width),
        ])
        .areas(line);
        frame.render_widget(Line::raw(row.label), label);
        let latest = watch.latest().and_then(row.value).map_or_else(|| "-".to_owned(), row.show);
        let style = if watch.trouble.is_some() {
            palette.quiet()
        } else {
            Style::new().add_modifier(Modifier::BOLD)
        };
        frame.render_widget(Line::styled(latest, style).right_aligned(), figure);
        if let Some(limit) = row.bound.and_then(|limit| watch.limit(limit)) {
            frame.render_widget(
                Line::styled(format!(" of {}", (row.show)(limit)), palette.quiet()),
                bound,
            );
        }
        // The newest stands at the right.
        let values: Vec<Option<f64>> =
            watch.history.iter().take(usize::from(spark.width)).map(row.value).collect();
        let largest = values.iter().flatten().copied().fold(0.0, f64::max);
        let top = top_of_scale(largest);
        // The scale stands at its top, which the first row of a tall line is.
        let told = (row.show)(if largest.is_infinite() { largest } else { top });
        frame.render_widget(
            Line::styled(format!(" {told}"), palette.quiet()),
            Rect { height: 1, ..scale },
        );
        let sparkline = Sparkline::default()
            .data(values.into_iter().map(|value| value.map(parts)).collect::<Vec<Option<u64>>>())
            .max(parts(top))
            .direction(RenderDirection::RightToLeft)
            .style(palette.of(row.color));
        frame.render_widget(sparkline, spark);
        y += height + u16::from(is_tall && index < 2);
    }
}

/// Why connections ended and, if there is room, which limits were reached.
fn draw_ends(frame: &mut Frame<'_>, area: Rect, watch: &Watch, palette: Palette) {
    let Some(sample) = &watch.sample else { return };
    if area.height < 2 {
        let total: u64 = sample.closes.iter().map(|(_, count)| count).sum();
        let most = sample
            .closes
            .first()
            .map_or_else(String::new, |(reason, count)| format!(", most {reason} {count}"));
        return frame.render_widget(Line::raw(format!("ended {total}{most}")), area);
    }
    let closes = Counted {
        title: "why connections ended".to_owned(),
        none: "no connection has ended yet",
        lines: sample
            .closes
            .iter()
            .map(|(reason, total)| {
                (format!("{reason:<20}{total:>9}"), watch.recent_closes_of(reason))
            })
            .collect(),
    };
    if area.width < LIMITS_FROM_WIDTH {
        return closes.draw(frame, area, palette);
    }
    let [left, right] =
        Layout::horizontal([Constraint::Length(CLOSES_WIDTH), Constraint::Fill(1)]).areas(area);
    closes.draw(frame, left, palette);
    let line = |name: &str, bound: &str, times: &str| {
        if area.width < LIMIT_BOUNDS_FROM_WIDTH {
            format!("{name:<30} {times:>6}")
        } else {
            format!("{name:<30} {bound:>6} {times:>6}")
        }
    };
    let reached = sample.reached.iter().map(|(limit, times)| {
        let bound = watch.limit(limit).map_or_else(|| "-".to_owned(), count);
        #[allow(clippy::cast_precision_loss)] // three digits are shown
        (line(limit, &bound, &count(*times as f64)), watch.recent_reached_of(limit))
    });
    let limits = Counted {
        title: line("limits reached", "bound", "times"),
        none: "no limit was reached yet",
        lines: reached.collect(),
    };
    limits.draw(frame, right, palette);
}

/// A list of counts, each with what is new in it.
struct Counted {
    title: String,
    none: &'static str,
    lines: Vec<(String, u64)>,
}

impl Counted {
    fn draw(self, frame: &mut Frame<'_>, area: Rect, palette: Palette) {
        let [title, list] =
            Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(area);
        let bold = Style::new().add_modifier(Modifier::BOLD);
        frame.render_widget(Line::styled(self.title, bold), title);
        if self.lines.is_empty() {
            frame.render_widget(Line::styled(self.none, palette.quiet()), list);
        }
        // What does not fit is at least counted, on the last line.
        let (all, fit) = (self.lines.len(), usize::from(list.height));
        let shown = if all > fit { fit.saturating_sub(1) } else { all };
        if all > shown && list.height > 0 {
            let rest = Line::styled(format!("{} more", all - shown), palette.quiet());
            frame.render_widget(rest, Rect { y: list.bottom() - 1, height: 1, ..list });
        }
        for (offset, (text, new)) in (0..list.height).zip(self.lines.into_iter().take(shown)) {
            let new = if new > 0 { format!("  +{new}") } else { String::new() };
            let line =
                Line::from(vec![Span::raw(text), Span::styled(new, palette.of(Color::Yellow))]);
            frame.render_widget(line, Rect { y: list.y + offset, height: 1, ..list });
        }
    }
}

/// The next of 1, 2 and 5 times a power of ten above the largest value: it can be told in few
/// digits, and no line is full, which would show nothing but a block.
fn top_of_scale(largest: f64) -> f64 {
    if !largest.is_finite() || largest <= 0.0 {
        return if largest > 0.0 { 2.0 * INFINITE } else { 1.0 };
    }
    let power = 10f64.powf(largest.log10().floor());
    [1.0, 2.0, 5.0, 10.0, 20.0]
        .map(|step| step * power)
        .into_iter()
        .find(|&top| top > largest)
        .unwrap_or(largest)
}

// `as` clamps, and a sparkline needs no more.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn parts(value: f64) -> u64 {
    (if value.is_infinite() { INFINITE } else { value } * SPARK_PARTS).min(1e18) as u64
}

#[cfg(test)]
#[path = "view_tests.rs"]
mod tests;
