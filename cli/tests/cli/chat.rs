//! `chat`: rooms on one side, lines on the other.

use cafewire_core::{ErrorCode, MessagePayload};

use crate::support::scripted::ScriptedServer;
use crate::support::{Running, Server, Signal, cafewire, run};

/// A member of a room, whose join is confirmed.
fn chatter(server: &Server, user: &str, room: &str) -> Running {
    let mut chat = cafewire(&["chat", &server.address, "--user", user, "--room", room]);
    chat.line_with(&format!("[{room}] * <{user}> joined"));
    chat
}

/// The line without its time, whose format is checked.
fn timeless(line: &str) -> &str {
    let (time, rest) = line.split_at(8);
    assert!(time.bytes().enumerate().all(|(i, byte)| if i % 3 == 2 {
        byte == b':'
    } else {
        byte.is_ascii_digit()
    }));
    rest.trim_start()
}

#[test]
fn two_people_talk() {
    let server = Server::start();
    let mut ada = chatter(&server, "ada", "lobby");
    let mut bob = chatter(&server, "bob", "lobby");
    assert_eq!(timeless(&ada.next_line()), "[lobby] * <bob> joined");
    ada.write("hello, bob\n");
    for chat in [&mut ada, &mut bob] {
        assert_eq!(timeless(&chat.next_line()), "[lobby] <ada> hello, bob");
    }
    bob.write("//join is a command\n/quit\n");
    assert_eq!(timeless(&ada.next_line()), "[lobby] <bob> /join is a command");
    assert_eq!(timeless(&ada.next_line()), "[lobby] * <bob> left");
    let bob = bob.end_by_itself();
    bob.assert_done();
    assert_eq!(timeless(&bob.stdout[0]), "[lobby] <bob> /join is a command");
    ada.end().assert_done();
}

#[test]
fn rooms_are_joined_switched_and_left() {
    let server = Server::start();
    let mut tea = chatter(&server, "tea drinker", "the tea room");
    let mut lobby = chatter(&server, "porter", "lobby");
    let mut ada = chatter(&server, "ada", "lobby");
    ada.write(
        "/join the tea room\nto tea\n/room lobby\nto lobby\n\
         /join the tea room\nto tea again\n/leave\nto lobby again\n",
    );
    ada.remark_with("text now goes to [lobby]");
    assert_eq!(timeless(&tea.line_with("<ada> to")), "[the tea room] <ada> to tea");
    assert_eq!(timeless(&tea.next_line()), "[the tea room] <ada> to tea again");
    assert_eq!(timeless(&tea.next_line()), "[the tea room] * <ada> left");
    assert_eq!(timeless(&lobby.line_with("<ada> to")), "[lobby] <ada> to lobby");
    assert_eq!(timeless(&lobby.next_line()), "[lobby] <ada> to lobby again");
    ada.end().assert_done();
}

#[test]
fn what_cannot_be_done_is_said_and_the_chat_goes_on() {
    let server = Server::start();
    let long = "x".repeat(513);
    let input = format!(
        "nowhere\n/dance\n/join\n/room tea\n/leave tea\n/join lobby\n\
         {long}\n//{long}\n/help\nstill here\n"
    );
    let ended = run(&["chat", &server.address, "--user", "ada"], &input);
    ended.assert_done();
    for complaint in [
        "not said: you are in no room yet",
        "there is no command /dance",
        "which room? /join ROOM",
        "you are not in [tea]: /join tea",
        "you are not in [tea]\n",
        "not said: content is 513 bytes long, 1 to 512 are allowed",
        "line 8 was not said: it is 515 bytes long",
        "/leave [ROOM]",
    ] {
        assert!(format!("{}\n", ended.stderr).contains(complaint), "{complaint}: {ended:?}");
    }
    assert_eq!(timeless(ended.stdout.last().unwrap()), "[lobby] <ada> still here");
}

#[test]
fn at_the_end_of_the_input_everything_has_been_delivered() {
    let server = Server::start();
    let mut bob = chatter(&server, "bob", "lobby");
    let texts: Vec<String> = (0..500).map(|number| format!("text {number}")).collect();
    let ended =
        run(&["chat", &server.address, "--user", "ada", "--room", "lobby"], &texts.join("\n"));
    ended.assert_done();
    bob.line_with("<ada> joined");
    for (text, shown) in texts.iter().zip(&ended.stdout[1..]) {
        assert_eq!(timeless(shown), format!("[lobby] <ada> {text}"));
        assert_eq!(timeless(&bob.next_line()), format!("[lobby] <ada> {text}"));
    }
    assert_eq!(timeless(&bob.next_line()), "[lobby] * <ada> left");
}

#[test]
fn what_others_send_cannot_drive_the_terminal() {
    let server = Server::start();
    let mut bob = chatter(&server, "bob", "lobby");
    // A server of another make may let in more: the client does not rely on this one.
    let name = "eve> hi <bob";
    let sent = run(
        &[
            "send",
            &server.address,
            "--user",
            name,
            "--room",
            "lobby",
            "\x1b]0;owned\x07\x1b[2J\u{9b}1m\nx",
        ],
        "",
    );
    sent.assert_done();
    let name = "<eve\\u{3e} hi <bob>";
    assert_eq!(timeless(&bob.next_line()), format!("[lobby] * {name} joined"));
    let message = bob.next_line();
    assert_eq!(
        timeless(&message),
        format!("[lobby] {name} \\u{{1b}}]0;owned\\u{{7}}\\u{{1b}}[2J\\u{{9b}}1m\\nx")
    );
    assert_eq!(timeless(&bob.next_line()), format!("[lobby] * {name} left"));
}

#[test]
fn a_name_that_is_taken_is_refused() {
    let server = Server::start();
    let _ada = chatter(&server, "ada", "lobby");
    let ended = run(&["chat", &server.address, "--user", "ada"], "");
    ended.assert_failed(1, "UsernameTaken (10)");
    assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
}

#[test]
fn a_name_is_free_again_when_the_command_has_ended() {
    let server = Server::start();
    for _ in 0..20 {
        run(&["chat", &server.address, "--user", "ada", "--room", "lobby"], "hello\n")
            .assert_done();
    }
}

#[test]
fn interrupted_it_leaves_at_once() {
    let server = Server::start();
    let mut bob = chatter(&server, "bob", "lobby");
    let ada = chatter(&server, "ada", "lobby");
    ada.signal(Signal::INT);
    ada.end_by_itself().assert_done();
    assert_eq!(timeless(&bob.line_with("left")), "[lobby] * <ada> left");
}

#[test]
fn a_server_that_goes_down_is_reported() {
    let server = Server::start();
    let ada = chatter(&server, "ada", "lobby");
    server.running.signal(Signal::TERM);
    server.running.end().assert_done();
    ada.end_by_itself().assert_failed(1, "ShuttingDown (17)");
}

#[test]
fn a_lost_connection_is_reported() {
    let server = ScriptedServer::start(|mut peer| peer.sign_in_and_let_in("ada", "lobby"));
    let ada = cafewire(&["chat", &server.address, "--user", "ada", "--room", "lobby"]);
    server.finish();
    ada.end_by_itself().assert_failed(1, "the server closed the connection");
}

#[test]
fn a_room_that_cannot_be_joined_is_not_talked_in() {
    let server = ScriptedServer::start(|mut peer| {
        peer.sign_in_and_let_in("ada", "lobby");
        peer.expect(&MessagePayload::JoinRoom { room: "full" });
        peer.send(&MessagePayload::Error {
            code: ErrorCode::LimitReached,
            message: "no \u{1b} chair",
        });
        peer.expect(&MessagePayload::SendMessage { room: "lobby", content: "hello" });
        peer.broadcast(7, "ada", "lobby", "hello");
        peer.until_goodbye();
    });
    let mut ada = cafewire(&["chat", &server.address, "--user", "ada", "--room", "lobby"]);
    ada.write("/join full\n");
    let complaint = ada.remark_with("cannot join [full]");
    assert_eq!(complaint, "cafewire: cannot join [full]: no \\u{1b} chair [LimitReached (13)]");
    ada.remark_with("text now goes to [lobby]");
    ada.write("hello\n");
    let ended = ada.end();
    server.finish();
    ended.assert_done();
    assert_eq!(ended.stdout.last().unwrap(), "00:00:00 [lobby] <ada> hello");
}
