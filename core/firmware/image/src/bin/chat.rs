//! Chats over the serial line with the peer at its other end, which should be a cafewire server:
//! signs in, joins a room, sends its measurement to each member that joins, waits for an answer,
//! acknowledges it and leaves.

#![no_std]
#![no_main]

use cafewire_core::client::{Event, Session, Slot};
use cafewire_core::{Direction, Family, Frame, MessagePayload, ProtocolParser, chat};
use cafewire_firmware::outcome::{Outcome, end};
use cafewire_firmware::uart::Uart;
use cortex_m_rt::entry;
use semihosting::println;

const NAME: &str = "device";
const ROOM: &str = "lab";
const MEASURED: &str = "21.5 degrees here. Shall I open the window?";
const UNDERSTOOD: &str = "understood";

/// The requests that wait for their answers: one measurement for each of the members that come in
/// before the server has sent the first one around.
const PENDING_MAX: usize = 8;

/// Next step of the conversation after an event.
enum Next {
    Ask(MessagePayload<'static>),
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
    let mut session = Session::new([Slot::EMPTY; PENDING_MAX]);
    ask(uart, &mut session, MessagePayload::Connect { username: NAME })?;
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
                // Nothing here looks at the time.
                match after(session.receive(&message, 0))? {
                    Next::Ask(request) => ask(uart, &mut session, request)?,
                    Next::Wait => {}
                    Next::Done => return ask(uart, &mut session, MessagePayload::Disconnect),
                }
            }
            Ok(Some(Frame::Echo(_))) | Err(_) => {
                return Err("this line does not carry cafewire's chat");
            }
        }
    }
}

/// An event that answers a request is about this device.
fn after(event: Event<'_>) -> Result<Next, &'static str> {
    Ok(match event {
        Event::SignedIn { user_id, server_info } => {
            println!("signed in as {}, user {}, on {}", NAME, user_id, server_info);
            Next::Ask(MessagePayload::JoinRoom { room: ROOM })
        }
        Event::Joined { room, answers: Some(_), .. } => {
            println!("entered room {}", room);
            Next::Ask(MessagePayload::SendMessage { room: ROOM, content: MEASURED })
        }
        Event::Joined { username, .. } => {
            println!("{} came in", username);
            Next::Ask(MessagePayload::SendMessage { room: ROOM, content: MEASURED })
        }
        // One's own message is the receipt that every member got it.
        Event::Said { content: UNDERSTOOD, answers: Some(_), .. } => Next::Done,
        Event::Said { room, content, answers: Some(_), .. } => {
            println!("said in room {}: {}", room, content);
            Next::Wait
        }
        Event::Said { username, content, .. } => {
            println!("{}: {}", username, content);
            Next::Ask(MessagePayload::SendMessage { room: ROOM, content: UNDERSTOOD })
        }
        Event::Refused { code, message, .. } | Event::Ended { code, message } => {
            println!("the server says: {}: {}", code, message);
            return Err("refused");
        }
        Event::Unexpected { .. } => return Err("the server answers what was not asked"),
        _ => Next::Wait,
    })
}

fn ask(
    uart: &mut Uart,
    session: &mut Session<[Slot; PENDING_MAX]>,
    request: MessagePayload<'_>,
) -> Outcome {
    let mut buffer = [0; 128];
    let encoded = session.request(&request, &mut buffer).map_err(|_| "a request is refused")?;
    uart.send(encoded.frame);
    Ok(())
}
