//! The screen of `top`, drawn into memory.

use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::super::sample::Sample;
use super::super::sample::tests::{exposition, sample};
use super::*;

/// Twelve seconds after the samples' server started.
const UNIX_S: f64 = 1_700_000_012.5;

const PLAIN: Palette = Palette { is_coloured: false };

fn terminal(
    width: u16,
    height: u16,
    watch: &Watch,
    now: Duration,
    palette: Palette,
) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, watch, now, UNIX_S, palette)).unwrap();
    terminal
}

fn screen(width: u16, height: u16, watch: &Watch, now_s: u64) -> String {
    terminal(width, height, watch, Duration::from_secs(now_s), PLAIN).backend().to_string()
}

/// A server whose rate of everything rises by a thousand every second.
fn busy() -> Watch {
    let mut watch = Watch::new("http://127.0.0.1:9090/metrics".to_owned());
    let mut counted = 0;
    for second in 0..13 {
        counted += second * 1000;
        watch.heard(sample(second, counted, 40 + second % 5));
    }
    watch
}

#[test]
fn a_scale_is_round_and_above_all_values() {
    for (largest, top) in [
        (0.0, 1.0),
        (1.0, 2.0),
        (1.9, 2.0),
        (2.0, 5.0),
        (42.0, 50.0),
        (99.0, 100.0),
        (100.0, 200.0),
        (12_000.0, 20_000.0),
        (f64::INFINITY, 4.0),
    ] {
        assert_eq!(top_of_scale(largest), top, "{largest}");
    }
    let tick = top_of_scale(0.000_34);
    assert!((tick - 0.000_5).abs() < 1e-12, "{tick}");
}

#[test]
fn what_does_not_fit_is_counted() {
    // Two closes and two limits below fourteen rows, a head, a foot and the titles.
    let full = screen(80, 19, &busy(), 13);
    assert!(full.contains("slow_consumer") && !full.contains(" more"), "{full}");
    let short = screen(80, 18, &busy(), 13);
    assert!(!short.contains("slow_consumer") && short.contains("2 more"), "{short}");
}

#[test]
fn everything_that_matters_is_on_40_by_10() {
    insta::assert_snapshot!(screen(40, 10, &busy(), 13), @r#"
    "cafewire serving  1.2.3  up 12 s        "
    "messages/s         12k        ▁▁▂▂▂▃▃▄▄▄"
    "deliveries/s       12k        ▁▁▂▂▂▃▃▄▄▄"
    "connections         42     ▆▆▆▆▇▆▆▆▆▇▆▆▆"
    "users               42     ▆▆▆▆▇▆▆▆▆▇▆▆▆"
    "rooms                3     ▄▄▄▄▄▄▄▄▄▄▄▄▄"
    "tick p99          >1 s      ▄▄▄▄▄▄▄▄▄▄▄▄"
    "frame p99         >1 s      ▄▄▄▄▄▄▄▄▄▄▄▄"
    "ended 78002, most end_of_input 78000    "
    "q quit   http://127.0.0.1:9090/metrics  "
    "#);
}

#[test]
fn a_usual_terminal_shows_all() {
    insta::assert_snapshot!(screen(80, 24, &busy(), 13), @r#"
    "cafewire serving  1.2.3  up 12 s                                                "
    "messages/s         12k                                        ▁▁▂▂▂▃▃▄▄▄ 20k    "
    "deliveries/s       12k                                        ▁▁▂▂▂▃▃▄▄▄ 20k    "
    "connections         42 of 65.5k                            ▆▆▆▆▇▆▆▆▆▇▆▆▆ 50     "
    "users               42                                     ▆▆▆▆▇▆▆▆▆▇▆▆▆ 50     "
    "rooms                3 of 65.5k                            ▄▄▄▄▄▄▄▄▄▄▄▄▄ 5      "
    "tick p99          >1 s                                      ▄▄▄▄▄▄▄▄▄▄▄▄ >1 s   "
    "frame p99         >1 s                                      ▄▄▄▄▄▄▄▄▄▄▄▄ >1 s   "
    "received/s       12 kB                                        ▁▁▂▂▂▃▃▄▄▄ 20 kB  "
    "sent/s           12 kB                                        ▁▁▂▂▂▃▃▄▄▄ 20 kB  "
    "buffers        65.5 kB of 537 MB                           ▅▅▅▅▅▅▅▅▅▅▅▅▅ 100 kB "
    "room logs      4.10 kB                                     ▆▆▆▆▆▆▆▆▆▆▆▆▆ 5 kB   "
    "put off/s          12k                                        ▁▁▂▂▂▃▃▄▄▄ 20k    "
    "gathered/s         12k                                        ▁▁▂▂▂▃▃▄▄▄ 20k    "
    "slow grace/s       12k                                        ▁▁▂▂▂▃▃▄▄▄ 20k    "
    "why connections ended                 limits reached                  times     "
    "end_of_input            78000  +12000 frames_per_tick                   78k  +12"
    "slow_consumer               2         rooms_per_connection                3     "
    "                                                                                "
    "                                                                                "
    "                                                                                "
    "                                                                                "
    "                                                                                "
    "q quit   http://127.0.0.1:9090/metrics                                          "
    "#);
}

#[test]
fn a_tall_and_wide_terminal_shows_rates_large_and_the_bounds_of_limits() {
    insta::assert_snapshot!(screen(94, 30, &busy(), 13), @r#"
    "cafewire serving  1.2.3  up 12 s                                                              "
    "                                                                                              "
    "messages/s         12k                                                                 20k    "
    "                                                                                 ▁▂▄▅▆        "
    "                                                                          ▁▂▃▄▆▇██████        "
    "                                                                                              "
    "deliveries/s       12k                                                                 20k    "
    "                                                                                 ▁▂▄▅▆        "
    "                                                                          ▁▂▃▄▆▇██████        "
    "                                                                                              "
    "connections         42 of 65.5k                                          ▆▆▆▆▇▆▆▆▆▇▆▆▆ 50     "
    "users               42                                                   ▆▆▆▆▇▆▆▆▆▇▆▆▆ 50     "
    "rooms                3 of 65.5k                                          ▄▄▄▄▄▄▄▄▄▄▄▄▄ 5      "
    "tick p99          >1 s                                                    ▄▄▄▄▄▄▄▄▄▄▄▄ >1 s   "
    "frame p99         >1 s                                                    ▄▄▄▄▄▄▄▄▄▄▄▄ >1 s   "
    "received/s       12 kB                                                      ▁▁▂▂▂▃▃▄▄▄ 20 kB  "
    "sent/s           12 kB                                                      ▁▁▂▂▂▃▃▄▄▄ 20 kB  "
    "buffers        65.5 kB of 537 MB                                         ▅▅▅▅▅▅▅▅▅▅▅▅▅ 100 kB "
    "room logs      4.10 kB                                                   ▆▆▆▆▆▆▆▆▆▆▆▆▆ 5 kB   "
    "put off/s          12k                                                      ▁▁▂▂▂▃▃▄▄▄ 20k    "
    "gathered/s         12k                                                      ▁▁▂▂▂▃▃▄▄▄ 20k    "
    "slow grace/s       12k                                                      ▁▁▂▂▂▃▃▄▄▄ 20k    "
    "                                                                                              "
    "why connections ended                 limits reached                  bound  times            "
    "end_of_input            78000  +12000 frames_per_tick                   256    78k  +12000    "
    "slow_consumer               2         rooms_per_connection                -      3            "
    "                                                                                              "
    "                                                                                              "
    "                                                                                              "
    "q quit   http://127.0.0.1:9090/metrics                                                        "
    "#);
}

#[test]
fn a_server_that_is_away_is_said_to_be_and_what_is_known_stays() {
    let mut watch = busy();
    watch.failed(Duration::from_secs(13), "Connection refused (os error 111)".to_owned());
    insta::assert_snapshot!(screen(72, 20, &watch, 75), @r#"
    "cafewire no answer for 1 min 2 s, still trying: Connection refused (os e"
    "messages/s         12k                                ▁▁▂▂▂▃▃▄▄▄ 20k    "
    "deliveries/s       12k                                ▁▁▂▂▂▃▃▄▄▄ 20k    "
    "connections         42 of 65.5k                    ▆▆▆▆▇▆▆▆▆▇▆▆▆ 50     "
    "users               42                             ▆▆▆▆▇▆▆▆▆▇▆▆▆ 50     "
    "rooms                3 of 65.5k                    ▄▄▄▄▄▄▄▄▄▄▄▄▄ 5      "
    "tick p99          >1 s                              ▄▄▄▄▄▄▄▄▄▄▄▄ >1 s   "
    "frame p99         >1 s                              ▄▄▄▄▄▄▄▄▄▄▄▄ >1 s   "
    "received/s       12 kB                                ▁▁▂▂▂▃▃▄▄▄ 20 kB  "
    "sent/s           12 kB                                ▁▁▂▂▂▃▃▄▄▄ 20 kB  "
    "buffers        65.5 kB of 537 MB                   ▅▅▅▅▅▅▅▅▅▅▅▅▅ 100 kB "
    "room logs      4.10 kB                             ▆▆▆▆▆▆▆▆▆▆▆▆▆ 5 kB   "
    "put off/s          12k                                ▁▁▂▂▂▃▃▄▄▄ 20k    "
    "gathered/s         12k                                ▁▁▂▂▂▃▃▄▄▄ 20k    "
    "slow grace/s       12k                                ▁▁▂▂▂▃▃▄▄▄ 20k    "
    "why connections ended                                                   "
    "end_of_input            78000  +12000                                   "
    "slow_consumer               2                                           "
    "                                                                        "
    "q quit   http://127.0.0.1:9090/metrics                                  "
    "#);
}

#[test]
fn before_anything_is_known_that_is_said() {
    let mut watch = Watch::new("http://h:1/metrics".to_owned());
    insta::assert_snapshot!(screen(40, 4, &watch, 0), @r#"
    "cafewire asking…                        "
    "                                        "
    "                                        "
    "q quit   http://h:1/metrics             "
    "#);
    watch.failed(Duration::ZERO, "there is no such host".to_owned());
    insta::assert_snapshot!(screen(60, 4, &watch, 3), @r#"
    "cafewire no answer for 3 s, still trying: there is no such h"
    "                                                            "
    "                                                            "
    "q quit   http://h:1/metrics                                 "
    "#);
}

#[test]
fn a_draining_server_without_closes() {
    let text = exposition(10, 0).replace("cafewire_draining 0", "cafewire_draining 1");
    let text: String = text
        .lines()
        .filter(|line| !line.contains("reason="))
        .map(|line| format!("{line}\n"))
        .collect();
    let mut watch = Watch::new("http://h:1/metrics".to_owned());
    watch.heard(Sample::parse(&text, Duration::ZERO).unwrap());
    insta::assert_snapshot!(screen(50, 20, &watch, 0), @r#"
    "cafewire draining  1.2.3  up 12 s                 "
    "messages/s           -                            "
    "deliveries/s         -                            "
    "connections          0                            "
    "users                0                            "
    "rooms                3                           ▄"
    "tick p99             -                            "
    "frame p99            -                            "
    "received/s           -                            "
    "sent/s               -                            "
    "buffers        65.5 kB                           ▅"
    "room logs      4.10 kB                           ▆"
    "put off/s            -                            "
    "gathered/s           -                            "
    "slow grace/s         -                            "
    "why connections ended                             "
    "no connection has ended yet                       "
    "                                                  "
    "                                                  "
    "q quit   http://h:1/metrics                       "
    "#);
}

#[test]
fn no_size_is_too_small_to_draw_on() {
    let mut watch = busy();
    for width in 1..50 {
        for height in 1..30 {
            screen(width, height, &watch, 13);
        }
    }
    watch.failed(Duration::ZERO, "x".repeat(200));
    screen(1, 1, &watch, 13);
}

#[test]
fn without_colour_there_is_none_and_with_it_there_is() {
    let colours = |palette| {
        let terminal = terminal(80, 24, &busy(), Duration::from_secs(13), palette);
        terminal.backend().buffer().content.iter().filter(|cell| cell.fg != Color::Reset).count()
    };
    assert_eq!(colours(PLAIN), 0);
    assert!(colours(Palette { is_coloured: true }) > 100);
}
