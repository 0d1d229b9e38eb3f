//! What the container image says of itself, tried with the program: its time to drain, its check of
//! its health.

use crate::support::{ClosedPort, Running, Server, command, run};

const DOCKERFILE: &str = include_str!("../../packaging/Dockerfile");

/// What stands behind the first line's instruction.
fn instruction(name: &str) -> &'static str {
    let mut lines = DOCKERFILE.lines().filter_map(|line| line.strip_prefix(name));
    lines.next().unwrap_or_else(|| panic!("no {name} in the Dockerfile")).trim()
}

/// docker kills after 10 s.
#[test]
fn it_drains_before_docker_kills_it() {
    let (variable, value) = instruction("ENV ").split_once('=').expect("a variable");
    let mut print = command(&["serve", "--print-config"]);
    let shown = Running::start(print.env(variable, value)).end();
    shown.assert_done();
    assert!(shown.stdout.contains(&"drain_timeout = \"8s\"".to_owned()), "{shown:?}");
}

#[test]
fn its_check_of_its_health_is_a_command_that_can_tell() {
    let (_, check) = instruction("HEALTHCHECK ").split_once("CMD ").expect("a command");
    let check: Vec<String> = serde_json::from_str(check).expect("exec form: there is no shell");
    let (program, args) = check.split_first().expect("a command");
    assert_eq!(format!("[\"{program}\"]"), instruction("ENTRYPOINT "));
    let listen = "tcp://127.0.0.1:8080";
    assert!(args.iter().any(|arg| arg == listen) && instruction("CMD ").contains(":8080"));
    let status_at = |address: &str| {
        let args: Vec<&str> =
            args.iter().map(|arg| if arg == listen { address } else { arg }).collect();
        run(&args, "").code
    };
    assert_eq!(status_at(&Server::start().address), Some(0));
    assert_eq!(status_at(&ClosedPort::new().address), Some(1));
}
