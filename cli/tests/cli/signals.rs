//! What `serve` makes of each signal that would end another process, and from when on.

use crate::support::{Server, Signal, cafewire, run};

#[test]
fn every_signal_that_ends_it_drains() {
    for signal in [Signal::TERM, Signal::INT, Signal::QUIT] {
        let server = Server::start();
        let mut member =
            cafewire(&["listen", &server.address, "--user", "ada", "--room", "tea", "-v"]);
        member.remark_with("listening to");
        server.running.signal(signal);
        let ended = server.running.end_by_itself();
        ended.assert_done();
        assert!(ended.stderr.contains("every queue was flushed"), "{ended:?}");
        assert!(member.end_by_itself().stderr.contains("shutting down"), "the member was told");
    }
}

#[test]
fn signals_that_mean_nothing_to_it_change_nothing_and_the_log_says_so() {
    let mut server = Server::start();
    for signal in [Signal::USR1, Signal::USR2] {
        server.running.signal(signal);
        server.running.remark_with("SIGUSR1 and SIGUSR2 change nothing");
    }
    run(&["ping", &server.address, "-c", "1"], "").assert_done();
    server.running.signal(Signal::TERM);
    server.running.end_by_itself().assert_done();
}

/// With what rustix makes a named pipe; it does not on macOS.
#[cfg(target_os = "linux")]
mod while_it_starts {
    use std::fs::File;
    use std::io::Write as _;
    use std::sync::mpsc::channel;
    use std::thread;

    use rustix::fs::{CWD, Mode, mkfifoat};

    use crate::support::{Folder, PATIENCE, Signal, cafewire, run};

    /// Its config file is a pipe: once it is opened for reading, the server is on its way, and far
    /// from its listeners.
    #[test]
    fn signals_do_not_end_it_and_sighup_is_done_then() {
        let folder = Folder::new("early-signals");
        let path = folder.path("cafewire.toml");
        mkfifoat(CWD, &path, Mode::RUSR | Mode::WUSR).expect("a pipe");
        let mut serve = cafewire(&["serve", "--config", &path]);
        let mut config = open_once_read_from(&path);
        for signal in [Signal::HUP, Signal::USR1, Signal::USR2] {
            serve.signal(signal);
        }
        let text = b"listen = [\"127.0.0.1:0\"]\n";
        config.write_all(text).expect("it reads");
        drop(config);
        let listening = serve.line_with("listening on ");
        // The reload was tried. A running server reads no pipe, which might never end.
        serve.remark_with("it is no regular file");
        let address = listening.replace("listening on ", "");
        run(&["ping", &address, "-c", "1"], "").assert_done();
        serve.signal(Signal::TERM);
        serve.end_by_itself().assert_done();
    }

    /// The pipe's writing end, once the server has opened the other: before, opening it waits.
    fn open_once_read_from(path: &str) -> File {
        let (opened, pipe) = channel();
        let path = path.to_owned();
        thread::spawn(move || opened.send(File::create(path)));
        pipe.recv_timeout(PATIENCE).expect("the server reads it").expect("it can be written to")
    }
}
