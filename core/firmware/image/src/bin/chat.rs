//! Chats over the serial line with the peer at its other end, which should be a cafewire server:
//! signs in, joins a room, sends its measurement to each member that joins, waits for an answer,
//! acknowledges it and leaves.

#![no_std]
#![no_main]

use cafewire_core::{Direction, Family, Frame, MessagePayload, ProtocolParser, chat};
use cafewire_firmware::outcome::{Outcome, end};
use cafewire_firmware::uart::Uart;
use cortex_m_rt::entry;
use semihosting::println;

const NAME: &str = "device";
const ROOM: &str = "lab";
const MEASURED: &str = "21.5 degrees here. Shall I open the window?";
const UNDERSTOOD: &str = "understood";

/// Next step of the conversation after a message.
enum Next {
    Say(MessagePayload<'static>),
    Wait,
    Done,
}

#[entry]
fn main() -> ! {
    let outcome = match cortex_m::Peripherals::take() {
        Some(peripherals) => converse(&mut Uart::new(&peripherals)),
        None => Err("the peripherals are taken"),
    };
    end(outcome)
}

fn converse(uart: &mut Uart) -> Outcome {
    let mut parser =
        ProtocolParser::<{ chat::MAX_FRAME_SIZE }>::for_family(Family::ChatV1, Direction::ToClient);
    say(uart, MessagePayload::Connect { username: NAME })?;
    loop {
        while let Some(byte) = uart.receive() {
            if parser.feed(&[byte]) == 0 {
                break;
            }
        }
        match parser.try_parse() {
            Ok(None) => {}
            Ok(Some(Frame::Chat(view))) => {
                let message = view.parse_payload().map_err(|_| "a message without sense")?;
                match answer_to(message)? {
                    Next::Say(answer) => say(uart, answer)?,
                    Next::Wait => {}
                    Next::Done => return say(uart, MessagePayload::Disconnect),
                }
            }
            Ok(Some(Frame::Echo(_))) | Err(_) => {
                return Err("this line does not carry cafewire's chat");
            }
        }
    }
}

fn answer_to(message: MessagePayload<'_>) -> Result<Next, &'static str> {
    Ok(match message {
        MessagePayload::ConnectAck { user_id, server_info } => {
            println!("signed in as {}, user {}, on {}", NAME, user_id, server_info);
            Next::Say(MessagePayload::JoinRoom { room: ROOM })
        }
        MessagePayload::UserJoined { username: NAME, room, .. } => {
            println!("entered room {}", room);
            Next::Say(MessagePayload::SendMessage { room: ROOM, content: MEASURED })
        }
        MessagePayload::UserJoined { username, .. } => {
            println!("{} came in", username);
            Next::Say(MessagePayload::SendMessage { room: ROOM, content: MEASURED })
        }
        // One's own message is the receipt that every member got it.
        MessagePayload::MessageBroadcast { username: NAME, content: UNDERSTOOD, .. } => Next::Done,
        MessagePayload::MessageBroadcast { username: NAME, room, content, .. } => {
            println!("said in room {}: {}", room, content);
            Next::Wait
        }
        MessagePayload::MessageBroadcast { username, content, .. } => {
            println!("{}: {}", username, content);
            Next::Say(MessagePayload::SendMessage { room: ROOM, content: UNDERSTOOD })
        }
        MessagePayload::Error { code, message } => {
            println!("the server says: {}: {}", code, message);
            return Err("refused");
        }
        _ => Next::Wait,
    })
}

fn say(uart: &mut Uart, message: MessagePayload<'_>) -> Outcome {
    let mut buffer = [0; 128];
    let frame = message.encode_into(&mut buffer).map_err(|_| "a message of ours is too long")?;
    uart.send(frame);
    Ok(())
}
