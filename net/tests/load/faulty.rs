//! A small server of both families that works correctly except for the faults that a test injects.
//! It has a thread per connection, for the sake of simplicity.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cafewire_core::{Direction, Frame, FrameDecoder, Framing, Message, MessagePayload};
use cafewire_net::Address;

/// The fault of one delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    Drop,
    Duplicate,
    /// The delivery is sent behind the next one.
    Late,
    /// One byte is changed.
    Damage,
    /// It names another room of the server.
    OtherRoom,
    /// The server stalls for this time before the delivery.
    Stall(Duration),
    /// The connection ends instead of the delivery.
    HangUp,
}

/// The fault of each delivery, by the connection's index in the order of joining (a room for the
/// first time) and the delivery's index among all to that connection, both from 0.
pub(crate) type Faults = Arc<dyn Fn(usize, u64) -> Fault + Send + Sync>;

#[derive(Default)]
struct Room {
    members: Vec<Arc<Mutex<Delivery>>>,
}

/// A frame to deliver, as it should be and as faults have it.
struct Outgoing {
    frame: Vec<u8>,
    /// The byte that damage changes.
    damaged_at: usize,
    /// The same message in another room.
    elsewhere: Vec<u8>,
}

/// The deliveries to one connection.
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

/// Starts a server that runs as long as the test process. Returns its address.
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
    fn deliver(&mut self, faults: &Faults, outgoing: &Outgoing) {
        let &Outgoing { ref frame, damaged_at, ref elsewhere } = outgoing;
        let fault = faults(self.index, self.count);
        self.count += 1;
        let mut bytes = match fault {
            Fault::Drop | Fault::HangUp => Vec::new(),
            Fault::Duplicate => [&frame[..], frame].concat(),
            Fault::Late => {
                self.late = frame.clone();
                return;
            }
            Fault::Damage => {
                let mut damaged = frame.clone();
                damaged[damaged_at] ^= 0x01;
                damaged
            }
            Fault::OtherRoom => elsewhere.clone(),
            Fault::Stall(time) => {
                std::thread::sleep(time);
                frame.clone()
            }
            Fault::None => frame.clone(),
        };
        bytes.append(&mut self.late);
        // A failure is ignored: the receiver has gone then.
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
        let mut delivery = None;
        let (mut inbound, mut chunk) = (Vec::new(), [0; 16 << 10]);
        while let Ok(count @ 1..) = socket.read(&mut chunk) {
            inbound.extend_from_slice(&chunk[..count]);
            let mut taken = 0;
            while let Framing::Frame { frame, consumed } = reader.next_frame(&inbound[taken..]) {
                match frame {
                    Frame::Echo(view) => self.answer_echo(&view.message(), &mut echo),
                    Frame::Chat(view) => {
                        let payload = view.parse_payload().unwrap();
                        self.answer_chat(payload, &socket, &mut username, &mut delivery);
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
                let frame = echo_bytes(&Message::Echo(payload));
                let damaged_at = 4 + payload.len();
                echo.deliver(&self.faults, &Outgoing { frame, damaged_at, elsewhere: Vec::new() });
            }
            other => panic!("{other:?}"),
        }
    }

    fn answer_chat(
        &self,
        payload: MessagePayload<'_>,
        socket: &TcpStream,
        username: &mut String,
        delivery: &mut Option<Arc<Mutex<Delivery>>>,
    ) {
        let send =
            |payload: &MessagePayload<'_>| (&mut &*socket).write_all(&chat_bytes(payload)).unwrap();
        match payload {
            MessagePayload::Connect { username: name } => {
                name.clone_into(username);
                send(&MessagePayload::ConnectAck { user_id: user_id(name), server_info: "" });
            }
            MessagePayload::JoinRoom { room } => {
                let delivery = delivery.get_or_insert_with(|| {
                    Arc::new(Mutex::new(Delivery {
                        index: self.next_index(),
                        socket: socket.try_clone().unwrap(),
                        count: 0,
                        late: Vec::new(),
                    }))
                });
                let mut rooms = locked(&self.rooms);
                rooms.entry(room.to_owned()).or_default().members.push(Arc::clone(delivery));
                send(&MessagePayload::UserJoined { user_id: user_id(username), username, room });
            }
            MessagePayload::SendMessage { room: name, content } => {
                let rooms = locked(&self.rooms);
                let broadcast = |room: &str| {
                    let user_id = user_id(username);
                    let timestamp = 0;
                    chat_bytes(&MessagePayload::MessageBroadcast {
                        user_id,
                        timestamp,
                        username,
                        room,
                        content,
                    })
                };
                let other = rooms.keys().find(|&other| other != name);
                let elsewhere = other.map_or_else(Vec::new, |other| broadcast(other));
                // The damaged byte is in the timestamp, so that the checksum no longer matches.
                let outgoing = Outgoing { frame: broadcast(name), damaged_at: 10, elsewhere };
                for member in &rooms[name].members {
                    locked(member).deliver(&self.faults, &outgoing);
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
