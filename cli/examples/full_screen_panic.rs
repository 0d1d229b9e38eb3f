//! For `.ci/tmux-chat`: takes the terminal over as `cafewire` does, and then panics, on the main
//! thread or, with the argument `thread`, on another one. The script checks that the terminal is
//! given back, that the panic is seen, and that the status is 101.

#![allow(dead_code)] // only some of what the program has is needed

#[path = "../src/failure.rs"]
mod failure;
#[path = "../src/terminal.rs"]
mod terminal;

fn main() {
    let Ok(mut screen) = terminal::FullScreen::enter() else { std::process::exit(1) };
    let drawn = screen.draw(|frame| {
        frame.buffer_mut().set_string(0, 0, "the full screen", ratatui::style::Style::new());
    });
    assert!(drawn.is_ok(), "it can be drawn on");
    if std::env::args().nth(1).as_deref() == Some("thread") {
        let thread = std::thread::spawn(|| panic!("a panic on a thread"));
        // `join` does not return: the program ends with the thread.
        let _ = thread.join();
        std::process::exit(1);
    }
    panic!("a panic on the main thread");
}
