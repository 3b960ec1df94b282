# Inside a sandbox: at each port of the command line (8000/tcp, 9000/udp), by IPv4 and by IPv6, what comes is sent back; whoever sends
# "who?" is told the address and port that it is seen with.
import socket
import sys
import threading


def told(peer):
    return f"{peer[0]} {peer[1]}".encode()


def serve(connection, peer):
    first = connection.recv(4, socket.MSG_WAITALL)
    if first == b"who?":
        connection.sendall(told(peer))
    else:
        connection.sendall(first)
        while data := connection.recv(1 << 20):
            connection.sendall(data)
    connection.close()


def accept(listener):
    while True:
        threading.Thread(target=serve, args=listener.accept(), daemon=True).start()


def reflect(port):
    while True:
        data, peer = port.recvfrom(65536)
        port.sendto(told(peer) if data == b"who?" else data, peer)


def bound(family, kind, port):
    made = socket.socket(family, kind)
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("", port))
    return made


for word in sys.argv[1:]:
    number, protocol = word.split("/")
    for family in socket.AF_INET, socket.AF_INET6:
        kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
        made = bound(family, kind, int(number))
        if protocol == "tcp":
            made.listen(128)
        threading.Thread(target=accept if protocol == "tcp" else reflect, args=(made,), daemon=True).start()
print("ready", flush=True)
threading.Event().wait()
