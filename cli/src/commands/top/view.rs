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

/// Height from which on the first two rates are drawn over several rows.
const TALL_HEIGHT: u16 = 24;

/// The height of all rows of figures; and, on a tall screen, with the first two three rows high,
/// and room between.
#[allow(clippy::cast_possible_truncation)] // there are ten
const ROWS_HEIGHT: u16 = ROWS.len() as u16;
const TALL_FIGURES_HEIGHT: u16 = 1 + 2 * (3 + 1) + (ROWS_HEIGHT - 2) + 1;

/// Parts of a unit that a sparkline tells apart: it takes whole numbers.
const SPARK_PARTS: f64 = 1e6;

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
}

const fn row(
    label: &'static str,
    value: fn(&Moment) -> Option<f64>,
    show: fn(f64) -> String,
    color: Color,
) -> Row {
    Row { label, value, show, color }
}

const ROWS: [Row; 10] = [
    row("messages/s", |at| at.rates.map(|rates| rates.messages), count, Color::Yellow),
    row("deliveries/s", |at| at.rates.map(|rates| rates.deliveries), count, Color::Cyan),
    row("connections", |at| Some(at.now.connections), count, Color::Green),
    row("users", |at| Some(at.now.users), count, Color::Green),
    row("rooms", |at| Some(at.now.rooms), count, Color::Green),
    row("tick p99", |at| at.rates?.tick_p99_s, seconds, Color::Magenta),
    row("frame p99", |at| at.rates?.frame_p99_s, seconds, Color::Magenta),
    row("received/s", |at| at.rates.map(|rates| rates.received_bytes), bytes, Color::Blue),
    row("sent/s", |at| at.rates.map(|rates| rates.sent_bytes), bytes, Color::Blue),
    row("buffers", |at| Some(at.now.buffer_bytes), bytes, Color::Blue),
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
    let [head, figures, closes, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(wanted.min(height.saturating_sub(3))),
        Constraint::Fill(1),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    draw_head(frame, head, watch, now, unix_s, palette);
    if watch.sample.is_some() {
        draw_figures(frame, figures, watch, is_tall, palette);
        draw_closes(frame, closes, watch, palette);
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
        let [label, figure, _, spark] = Layout::horizontal([
            Constraint::Length(LABEL_WIDTH),
            Constraint::Length(FIGURE_WIDTH),
            Constraint::Length(1),
            Constraint::Fill(1),
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
        // The newest stands at the right.
        let values = watch
            .history
            .iter()
            .take(usize::from(spark.width))
            .map(|moment| (row.value)(moment).map(parts));
        let sparkline = Sparkline::default()
            .data(values.collect::<Vec<Option<u64>>>())
            .direction(RenderDirection::RightToLeft)
            .style(palette.of(row.color));
        frame.render_widget(sparkline, spark);
        y += height + u16::from(is_tall && index < 2);
    }
}

fn draw_closes(frame: &mut Frame<'_>, area: Rect, watch: &Watch, palette: Palette) {
    let Some(sample) = &watch.sample else { return };
    if area.height < 2 {
        let total: u64 = sample.closes.iter().map(|(_, count)| count).sum();
        let most = sample
            .closes
            .first()
            .map_or_else(String::new, |(reason, count)| format!(", most {reason} {count}"));
        return frame.render_widget(Line::raw(format!("ended {total}{most}")), area);
    }
    let [title, list] = Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(area);
    frame.render_widget(
        Line::styled("why connections ended", Style::new().add_modifier(Modifier::BOLD)),
        title,
    );
    if sample.closes.is_empty() {
        frame.render_widget(Line::styled("none did so far", palette.quiet()), list);
    }
    for (offset, (reason, total)) in (0..list.height).zip(&sample.closes) {
        let new = watch.recent_closes_of(reason);
        let line = Line::from(vec![
            Span::raw(format!("{reason:<21} {total:>9}")),
            Span::styled(
                if new > 0 { format!("  +{new}") } else { String::new() },
                palette.of(Color::Yellow),
            ),
        ]);
        frame.render_widget(line, Rect { y: list.y + offset, height: 1, ..list });
    }
}

// `as` clamps, and a sparkline needs no more.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn parts(value: f64) -> u64 {
    // A time past the histogram's last bound, infinity, counts as a little more than that.
    (if value.is_infinite() { 2.0 } else { value } * SPARK_PARTS).min(1e18) as u64
}

#[cfg(test)]
#[path = "view_tests.rs"]
mod tests;
