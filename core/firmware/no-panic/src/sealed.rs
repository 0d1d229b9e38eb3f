//! Every public function of the core's feature `sign`.

use core::hint::black_box;

use cafewire_core::chat::Username;
use cafewire_core::chat::v2::{
    Agreement, Capabilities, ClientSignIn, ClientStep, Key, Opener, Sealer, ServerSignIn,
    SessionKeys, Terms, ZeroCopyMessage,
};

use crate::{buffer, bytes, text, use_up};

pub(crate) fn all() {
    let keys = black_box((Key::new(bytes()), Key::from_hex(text())));
    if let ((Ok(key), _) | (_, Ok(key)), Ok(name)) = (keys, Username::new(text())) {
        session_keys(&key);
        client(&key, name);
        server(&key, name);
    }
}

fn capabilities() -> Capabilities {
    Capabilities::from_bits(black_box(0))
}

fn nonce() -> [u8; 16] {
    black_box([0; 16])
}

fn frame<'a>() -> Option<ZeroCopyMessage<'a>> {
    ZeroCopyMessage::parse_from_bytes(bytes(), black_box(Terms::UNKNOWN)).ok()
}

fn session_keys(key: &Key) {
    let agreement = black_box(Agreement {
        asked: capabilities(),
        granted: capabilities(),
        client_nonce: nonce(),
        server_nonce: nonce(),
        username: text(),
    });
    let derived = || black_box(SessionKeys::derive(key, &agreement));
    both(derived().for_client());
    both(derived().for_server());
    use_up(derived().for_observer());
}

fn both((sealer, opener): (Sealer, Opener)) {
    let (mut sealer, mut opener) = black_box((sealer, opener));
    use_up(sealer.seal(buffer(), black_box(0)));
    let mut sealer = black_box(sealer);
    use_up(sealer.seal_ahead(black_box(0), buffer(), black_box(0)));
    use_up(sealer.advance(black_box(0)));
    use_up(sealer.counter());
    if let Some(frame) = frame()
        && let Err(error) = black_box(opener.open(&frame))
    {
        use_up(error.code());
    }
    let opener = black_box(opener);
    use_up((opener.counter(), opener.has_ended()));
}

fn client(key: &Key, name: Username<&str>) {
    let mut client = black_box(ClientSignIn::new(capabilities(), nonce(), black_box(0)));
    use_up((client.asked(), client.client_nonce()));
    if let Some(frame) = frame() {
        match black_box(client.receive(name, key, &frame)) {
            Ok(ClientStep::SignedIn { session, .. }) => both((session.sealer, session.opener)),
            Ok(step) => use_up(step),
            Err(error) => use_up(error.code()),
        }
        let mut client = black_box(client);
        use_up(client.receive(name, key, &frame).is_ok());
    }
}

fn server(key: &Key, name: Username<&str>) {
    let server = || ServerSignIn::new(capabilities(), nonce(), capabilities(), nonce());
    for key in [Some(key), None] {
        if let (Ok(server), Some(frame)) = (black_box(server()), frame()) {
            use_up((server.granted(), server.server_nonce()));
            use_up(server.authenticate(name, black_box(key), &frame).is_ok());
        }
    }
}
