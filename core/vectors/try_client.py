#!/usr/bin/env python3
"""Runs the signed client of PROTOCOL.md against a peer that is made of the vectors' own code (sealed.py): no server speaks
version 2 yet. The client must sign in with an honest peer and be understood, and must give up with every other.

    python3 try_client.py
"""

import pathlib
import re
import socket
import threading

import sealed
from sealed import SIGN, acknowledgement, challenge, code, error, plain

KEY, NAME, SERVER_NONCE = bytes(range(32)), b"ada", bytes(range(0x20, 0x30))
AUTHENTICATE, ACKNOWLEDGED = bytes([code("Authenticate")]), acknowledgement(7, SIGN)


def client():
    """The program in PROTOCOL.md, as a module's names."""
    text = pathlib.Path(__file__).parents[1].joinpath("PROTOCOL.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    names = {"__name__": "client"}
    exec(compile(program, "PROTOCOL.md", "exec"), names)
    return names


class Peer(threading.Thread):
    """A server's side of one sign-in, which `answer` may play wrongly."""

    def __init__(self, stream, answer):
        super().__init__(daemon=True)
        self.socket, self.stream = stream, stream.makefile("rwb")
        self.answer, self.heard, self.fault = answer, [], None
        self.start()

    def read(self):
        head = self.stream.read(4)
        if len(head) < 4:
            return b""
        return head + self.stream.read(int.from_bytes(head[2:], "big") + 4)

    def write(self, frame):
        self.stream.write(frame)
        self.stream.flush()

    def run(self):
        try:
            connect = self.read()
            self.case = {
                "asked": SIGN, "granted": SIGN, "client_nonce": connect[10:26].hex(), "server_nonce": SERVER_NONCE.hex(),
                "username": NAME.hex(),
            }  # fmt: skip
            self.receiver = sealed.Receiver("server", self.case, KEY)
            assert self.receiver.reads(connect) is None and connect[27:-4] == NAME
            keys = sealed.keys_of(KEY, SIGN, SIGN, connect[10:26], SERVER_NONCE, NAME)
            self.answer(self, keys[1])
            while frame := self.read():
                judgement = self.receiver.reads(frame)
                assert judgement is None, judgement
                self.heard.append(frame)
        except (AssertionError, OSError) as fault:
            self.fault = fault
        finally:
            self.socket.shutdown(socket.SHUT_RDWR)

    def authenticated(self, to_client):
        self.write(challenge(SIGN, SERVER_NONCE))
        judgement = self.receiver.reads(self.read())
        assert judgement is None, judgement
        self.write(sealed.sealed(to_client, 0, "ConnectAck", ACKNOWLEDGED, 2))


def visit(names, answer, key=KEY):
    """What the client says in the end, and the peer."""
    ours, theirs = socket.socketpair()
    ours.settimeout(20)
    peer = Peer(theirs, answer)
    try:
        connection = names["sign_in"](ours, key, NAME)
        connection.send(code("JoinRoom"), bytes(14) + b"\x05lobby")
        connection.send(code("SendMessage"), b"\x05lobbyhello")
        ours.shutdown(socket.SHUT_WR)
        said = []
        while len(said) < 2:
            said.append(connection.receive())
    except AssertionError as given_up:
        said = str(given_up)
    ours.close()
    peer.join(20)
    assert not peer.is_alive()
    peer.stream.close()
    theirs.close()
    return said, peer


def honest(peer, key):
    peer.authenticated(key)
    peer.write(sealed.sealed(key, 1, "Pong", b"1") + sealed.sealed(key, 2, "Pong", b"2"))


def wrongly(*frames):
    """Signs in, then sends these, given the key to the client."""

    def answer(peer, key):
        peer.authenticated(key)
        for frame in frames:
            peer.write(frame(key))

    return answer


def without_a_seal(peer, _key):
    peer.write(challenge(SIGN, SERVER_NONCE))
    peer.read()
    peer.write(plain("ConnectAck", ACKNOWLEDGED, 2))


def with_another_key(peer, _key):
    peer.write(challenge(SIGN, SERVER_NONCE))
    peer.read()
    peer.write(sealed.sealed(bytes(32), 0, "ConnectAck", ACKNOWLEDGED, 2))


def refuses(peer, _key):
    peer.write(challenge(SIGN, SERVER_NONCE))
    judgement = peer.receiver.reads(peer.read())
    assert judgement == "WrongTag", judgement
    peer.write(plain("Error", error(20, b"wrong key"), 2))


def main():
    names = client()
    said, peer = visit(names, honest)
    assert said == [(code("Pong"), b"1"), (code("Pong"), b"2")], said
    assert peer.fault is None and len(peer.heard) == 2, (peer.fault, peer.heard)

    def pong(number):
        return lambda key: sealed.sealed(key, number, "Pong", b"1")

    cases = {
        "Error 20: wrong key": (refuses, bytes(31) + b"x"),
        "no Challenge, or not the one that was asked for": (lambda peer, _: peer.write(challenge(0, bytes(16))), KEY),
        "not sealed": (without_a_seal, KEY),
        "not by the server": (with_another_key, KEY),
        "replayed, or something is missing": (wrongly(pong(1), pong(1)), KEY),
        "replayed, or something is missing ": (wrongly(pong(1), pong(3)), KEY),
        "not sealed ": (wrongly(lambda _: plain("Pong", b"1")), KEY),
        "not by the server ": (wrongly(lambda key: sealed.damaged(sealed.sealed(key, 1, "Pong", b"1"), 8)), KEY),
        "the server closed, or what it said last was cut off": (wrongly(pong(1)), KEY),
    }
    for wanted, (answer, key) in cases.items():
        said, _ = visit(names, answer, key)
        assert said == wanted.strip(), f"{said!r} instead of {wanted!r}"
    print(f"the signed client of PROTOCOL.md: understood by an honest peer, gave up with {len(cases)} others")


if __name__ == "__main__":
    main()
