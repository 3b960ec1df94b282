# Both ends of TCP connections: at each, bytes that no two places of any stream have alike are sent and what comes is compared, to its end.
# Who ends first differs: the client, the server when it has seen the client's end, or both by themselves. Words: the server's
# address and port, those that the client dials, how many connections, bytes from the client and from the server of each.
import hashlib
import socket
import sys
import threading

server, port, dialled, dialled_port, count, up, down = sys.argv[1:]
count, up, down = int(count), int(up), int(down)
failures = []


def stream(way, number, size):
    return hashlib.shake_128(f"{way} {number}".encode()).digest(size)


def receive(s):
    return b"".join(iter(lambda: s.recv(1 << 16), b""))


def compare(who, number, got, wanted):
    if got == wanted:
        return
    at = next((i for i, (a, b) in enumerate(zip(got, wanted)) if a != b), min(len(got), len(wanted)))
    failures.append(f"connection {number}: the {who} has {len(got)} bytes of {len(wanted)}, right up to {at}")


def end(s, data):
    s.sendall(data)
    s.shutdown(socket.SHUT_WR)


def both(s, data):
    sender = threading.Thread(target=end, args=(s, data))
    sender.start()
    got = receive(s)
    sender.join()
    return got


def serve(s):
    number = int.from_bytes(s.recv(2, socket.MSG_WAITALL), "big")
    data = stream("down", number, down)
    if number % 3 == 0:  # Answers what it has seen the end of.
        got = receive(s)
        end(s, data)
    else:
        got = both(s, data)
    compare("server", number, got, stream("up", number, up))
    s.close()


def dial(number):
    s = socket.create_connection((dialled, int(dialled_port)))
    s.sendall(number.to_bytes(2, "big"))
    data = stream("up", number, up)
    if number % 3 == 1:  # Ends last.
        sender = threading.Thread(target=s.sendall, args=(data[: up // 2],))
        sender.start()
        got = receive(s)
        sender.join()
        end(s, data[up // 2 :])
        s.recv(1)
    else:
        got = both(s, data)
    compare("client", number, got, stream("down", number, down))
    s.close()


def guarded(act, *words):
    try:
        act(*words)
    except Exception as error:
        failures.append(f"{act.__name__}: {error!r}")


family = socket.AF_INET6 if ":" in server else socket.AF_INET
listener = socket.socket(family)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind((server, int(port)))
listener.listen(128)
clients = [threading.Thread(target=guarded, args=(dial, number)) for number in range(count)]
for client in clients:
    client.start()
servers = []
for _ in range(count):
    servers.append(threading.Thread(target=guarded, args=(serve, listener.accept()[0])))
    servers[-1].start()
for thread in clients + servers:
    thread.join()
if failures:
    sys.exit("\n".join(failures))
