//! A server of both families in a few lines that does as it should, but for the faults that a test
//! gives it. A thread per connection: what it lacks in everything else it has in being seen
//! through.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cafewire_core::{Direction, Frame, FrameDecoder, Framing, Message, MessagePayload};
use cafewire_net::Address;

/// What happens to one delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    Drop,
    Duplicate,
    /// It is delivered behind the next one.
    Late,
    /// One of its bytes is another.
    Damage,
    /// Before it is delivered, nothing happens for this time.
    Stall(Duration),
    /// Instead of it, the connection ends.
    HangUp,
}

/// The fault of a delivery: to which connection (in order of their joining), and which one of its
/// deliveries, from 0.
pub(crate) type Faults = Arc<dyn Fn(usize, u64) -> Fault + Send + Sync>;

#[derive(Default)]
struct Room {
    members: Vec<Delivery>,
}

/// The way to one receiver.
struct Delivery {
    index: usize,
    socket: TcpStream,
    count: u64,
    late: Vec<u8>,
}

struct Server {
    faults: Faults,
    rooms: Mutex<HashMap<String, Room>>,
    joined: Mutex<usize>,
}

/// Serves for as long as the test process lives. Where it listens.
pub(crate) fn start(faults: impl Fn(usize, u64) -> Fault + Send + Sync + 'static) -> Address {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().into();
    let server = Arc::new(Server {
        faults: Arc::new(faults),
        rooms: Mutex::default(),
        joined: Mutex::new(0),
    });
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let server = Arc::clone(&server);
            std::thread::spawn(move || server.serve(socket.unwrap()));
        }
    });
    address
}

impl Delivery {
    fn deliver(&mut self, faults: &Faults, frame: &[u8], place_to_damage: usize) {
        let fault = faults(self.index, self.count);
        self.count += 1;
        let mut bytes = match fault {
            Fault::Drop | Fault::HangUp => Vec::new(),
            Fault::Duplicate => [frame, frame].concat(),
            Fault::Late => {
                self.late = frame.to_vec();
                return;
            }
            Fault::Damage => {
                let mut damaged = frame.to_vec();
                damaged[place_to_damage] ^= 0x01;
                damaged
            }
            Fault::Stall(time) => {
                std::thread::sleep(time);
                frame.to_vec()
            }
            Fault::None => frame.to_vec(),
        };
        bytes.append(&mut self.late);
        // Whoever has gone need not get it.
        let _ = self.socket.write_all(&bytes);
        if fault == Fault::HangUp {
            let _ = self.socket.shutdown(std::net::Shutdown::Both);
        }
    }
}

impl Server {
    fn serve(&self, mut socket: TcpStream) {
        let mut reader = FrameDecoder::new(Direction::ToServer);
        let mut echo =
            Delivery { index: 0, socket: socket.try_clone().unwrap(), count: 0, late: Vec::new() };
        let mut username = String::new();
        let (mut inbound, mut chunk) = (Vec::new(), [0; 16 << 10]);
        while let Ok(count @ 1..) = socket.read(&mut chunk) {
            inbound.extend_from_slice(&chunk[..count]);
            let mut taken = 0;
            while let Framing::Frame { frame, consumed } = reader.next_frame(&inbound[taken..]) {
                match frame {
                    Frame::Echo(view) => self.answer_echo(&view.message(), &mut echo),
                    Frame::Chat(view) => {
                        self.answer_chat(view.parse_payload().unwrap(), &socket, &mut username)
                    }
                }
                taken += consumed;
            }
            inbound.drain(..taken);
        }
    }

    fn answer_echo(&self, message: &Message<'_>, echo: &mut Delivery) {
        match message {
            Message::Ping(payload) => {
                echo.index = self.next_index();
                echo.socket.write_all(&echo_bytes(&Message::Pong(payload))).unwrap();
            }
            Message::Echo(payload) => {
                let last = 4 + payload.len();
                echo.deliver(&self.faults, &echo_bytes(&Message::Echo(payload)), last);
            }
            other => panic!("{other:?}"),
        }
    }

    fn answer_chat(&self, payload: MessagePayload<'_>, socket: &TcpStream, username: &mut String) {
        let send =
            |payload: &MessagePayload<'_>| (&mut &*socket).write_all(&chat_bytes(payload)).unwrap();
        match payload {
            MessagePayload::Connect { username: name } => {
                name.clone_into(username);
                send(&MessagePayload::ConnectAck { user_id: user_id(name), server_info: "" });
            }
            MessagePayload::JoinRoom { room } => {
                let delivery = Delivery {
                    index: self.next_index(),
                    socket: socket.try_clone().unwrap(),
                    count: 0,
                    late: Vec::new(),
                };
                locked(&self.rooms).entry(room.to_owned()).or_default().members.push(delivery);
                send(&MessagePayload::UserJoined { user_id: user_id(username), username, room });
            }
            MessagePayload::SendMessage { room: name, content } => {
                let mut rooms = locked(&self.rooms);
                let room = rooms.get_mut(name).unwrap();
                let user_id = user_id(username);
                let frame = chat_bytes(&MessagePayload::MessageBroadcast {
                    user_id,
                    timestamp: 0,
                    username,
                    room: name,
                    content,
                });
                for member in &mut room.members {
                    // In the timestamp, so that the checksum no longer fits.
                    member.deliver(&self.faults, &frame, 10);
                }
            }
            other => panic!("{other:?}"),
        }
    }

    fn next_index(&self) -> usize {
        let mut joined = locked(&self.joined);
        *joined += 1;
        *joined - 1
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The number behind the last dash of the generator's names.
fn user_id(username: &str) -> u32 {
    username.rsplit('-').next().unwrap().parse().unwrap()
}

fn chat_bytes(payload: &MessagePayload<'_>) -> Vec<u8> {
    let mut buffer = [0; cafewire_core::chat::MAX_FRAME_SIZE];
    payload.encode_into(&mut buffer).unwrap().to_vec()
}

fn echo_bytes(message: &Message<'_>) -> Vec<u8> {
    let mut buffer = vec![0; message.encoded_len()];
    message.encode_into(&mut buffer).unwrap();
    buffer
}
