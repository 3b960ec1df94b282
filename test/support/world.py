# Servers at addresses of the test's own network namespace: an echo by TCP (8000) and UDP (9000), and names by UDP and TCP (53).
# Words: a file for what was asked, a name server's mark, addresses. The name peer.test has all of the addresses; mark.test has a TXT
# record with the mark; large.test has TXT records of 3,000 bytes, which by UDP take EDNS or else are cut off (RFC 6891, RFC 1035 4.2.1).
import ipaddress
import socket
import struct
import sys
import threading

log, mark, addresses = open(sys.argv[1], "a"), sys.argv[2].encode(), sys.argv[3:]
A, TXT, AAAA, OPT = 1, 16, 28, 41


def record(kind, data):
    return struct.pack(">HHHIH", 0xC00C, kind, 1, 0, len(data)) + data


def text(data):
    return record(TXT, bytes([len(data)]) + data)


def answers_to(name, kind):
    if name == "peer.test":
        packed = [ipaddress.ip_address(address).packed for address in addresses]
        return [record(kind, data) for data in packed if (kind, len(data)) in ((A, 4), (AAAA, 16))]
    if kind == TXT and name == "mark.test":
        return [text(mark)]
    return [text(b"%02d" % i * 100) for i in range(15)] if kind == TXT and name == "large.test" else []


def answer(query, protocol):
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode().lower())
        at += 1 + query[at]
    name, (kind,) = ".".join(labels), struct.unpack_from(">H", query, at + 1)
    question, rest = query[12 : at + 5], query[at + 5 :]
    has_opt = len(rest) >= 11 and rest[:3] == b"\0\0\x29"
    size = max(512, struct.unpack_from(">H", rest, 3)[0]) if has_opt else 512
    print(protocol, name, kind, "edns" if has_opt else "plain", file=log, flush=True)
    found = answers_to(name, kind)
    opt = b"\0" + struct.pack(">HHIH", OPT, 4096, 0, 0) if has_opt else b""
    body = question + b"".join(found) + opt
    flags = 0x8580
    if protocol == "udp" and 12 + len(body) > size:
        flags, found, body = flags | 0x0200, [], question + opt
    return query[:2] + struct.pack(">HHHHH", flags, 1, len(found), 0, 1 if has_opt else 0) + body


def echo(s):
    while data := s.recv(1 << 16):
        s.sendall(data)
    s.close()


def names(s):
    while length := s.recv(2, socket.MSG_WAITALL):
        said = answer(s.recv(struct.unpack(">H", length)[0], socket.MSG_WAITALL), "tcp")
        s.sendall(struct.pack(">H", len(said)) + said)
    s.close()


def stream(address, port, serve):
    listener = socket.create_server((address, port), family=family_of(address), backlog=64)
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()


def datagrams(address, port, reply):
    s = socket.socket(family_of(address), socket.SOCK_DGRAM)
    s.bind((address, port))
    bound.release()
    while True:
        data, peer = s.recvfrom(65536)
        s.sendto(reply(data), peer)


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


bound = threading.Semaphore(0)
for address in addresses:
    for target, words in (
        (stream, (8000, echo)),
        (stream, (53, names)),
        (datagrams, (9000, lambda data: data)),
        (datagrams, (53, lambda data: answer(data, "udp"))),
    ):
        threading.Thread(target=target, args=(address, *words), daemon=True).start()
for _ in range(2 * len(addresses)):
    bound.acquire()
print("ready", flush=True)
threading.Event().wait()
