#!/usr/bin/env bash
# A send buffer that has no room for one segment makes a stream over loopback some hundred times slower.
#
#   software    Linux's TCP over loopback (seen with 6.18), sockets of CPython's standard library with TCP_NODELAY
#   behaviour   With SO_SNDBUF of 32 KiB or less, of which the kernel keeps twice as much, each write that fills the buffer waits
#               for an acknowledgement that the receiver delays by some 40 ms, although it has read everything: the sender has
#               less than a segment (64 KiB over loopback), and the receiver has not yet seen one that it would acknowledge at once.
#   output      asked 0 KiB: 1740 MB/s; 32 KiB: 3 MB/s; 48 KiB: 1600 MB/s; 64 KiB: 1834 MB/s
#   guess       throughput falls with the size of the buffer, by half with half the size; TCP_NODELAY rules out waits for
#               acknowledgements; a local peer that reads at once needs next to no buffer.
#
# Needs python3. Loopback and a free port only. Fails if 32 KiB are less than 20 times slower than 48 KiB.

set -euo pipefail
uname -sr
python3 - <<'PYTHON'
import select
import socket
import sys
import threading
import time

SECONDS = 1.0


def megabytes_per_second(asked: int) -> float:
    """Streams for a second to a thread that reads all the time."""
    listener = socket.create_server(("127.0.0.1", 0))
    reader = socket.create_connection(listener.getsockname())
    writer, _ = listener.accept()
    writer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if asked:
        writer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, asked)
    writer.setblocking(False)
    received = 0

    def read() -> None:
        nonlocal received
        while data := reader.recv(1 << 18):
            received += len(data)

    thread = threading.Thread(target=read)
    thread.start()
    poll = select.epoll()
    poll.register(writer, select.EPOLLOUT)
    chunk = b"x" * (64 << 10)
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        for _ in poll.poll(0.5):
            try:
                writer.send(chunk)
            except BlockingIOError:
                pass
    writer.close()
    thread.join()
    return received / SECONDS / 1e6


rates = {}
for asked in (0, 32 << 10, 48 << 10, 64 << 10):
    rates[asked] = megabytes_per_second(asked)
    print(f"asked {asked >> 10} KiB: {rates[asked]:.0f} MB/s")
if rates[48 << 10] < 20 * rates[32 << 10]:
    sys.exit("it has changed")
PYTHON
