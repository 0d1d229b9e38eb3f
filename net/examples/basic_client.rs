//! Visits a server in both families:
//!
//! ```sh
//! cargo run --example basic_client -- tcp://127.0.0.1:8080 ada
//! ```
//!
//! Pings and echoes on one connection. On another it signs in to chat, joins the room "lobby",
//! sends a message, prints the room's events until that message has come back, and leaves.

use std::error::Error;
use std::process::ExitCode;

use cafewire_net::{Address, ChatClient, Client, Event};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = match arguments.next() {
        Some(text) => text.parse()?,
        None => Address::default(),
    };
    let username = arguments.next().unwrap_or_else(|| "basic_client".to_owned());
    echo_family(&address)?;
    chat_family(&address, &username)
}

fn echo_family(address: &Address) -> Result<(), Box<dyn Error>> {
    let mut client = Client::connect(address)?;
    println!("ping: {:?} there and back", client.ping()?);
    let answer = client.echo(b"hello, echo")?;
    println!("echo: {}", String::from_utf8_lossy(answer));
    Ok(())
}

fn chat_family(address: &Address, username: &str) -> Result<(), Box<dyn Error>> {
    let content = "hello, lobby";
    let mut client = ChatClient::connect(address, username)?;
    println!("signed in as {} (user {})", client.username(), client.user_id());
    client.join("lobby")?;
    client.send("lobby", content)?;
    loop {
        match client.next_event()? {
            Event::Message { user_id, username, content: received, .. } => {
                // Messages of other users may hold control characters, which a terminal would act
                // on.
                println!("{username}: {}", received.escape_debug());
                if user_id == client.user_id() && received == content {
                    break;
                }
            }
            Event::Joined { username, room, .. } => println!("{username} joined {room}"),
            Event::Left { username, room, .. } => println!("{username} left {room}"),
            Event::Error { code, message } => {
                return Err(format!("{code}: {}", message.escape_debug()).into());
            }
            _ => {}
        }
    }
    client.leave("lobby")?;
    client.disconnect()?;
    println!("left");
    Ok(())
}
