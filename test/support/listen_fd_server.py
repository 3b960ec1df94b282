# A server by sd_listen_fds(3): says what it was given, then answers each client of descriptor 3 and up with the name of its socket.
# "quit" from a client ends it with that status: "quit 3".
import os
import selectors
import socket
import sys

count = int(os.environ["LISTEN_FDS"])
names = os.environ["LISTEN_FDNAMES"].split(":")
print("pid", os.environ["LISTEN_PID"], os.getpid(), flush=True)
print("descriptors", *sorted(int(n) for n in os.listdir("/proc/self/fd") if int(n) < 3 + count), flush=True)
print("blocking", *(os.get_blocking(3 + i) for i in range(count)), flush=True)
print("ready", flush=True)
selector = selectors.DefaultSelector()
for i in range(count):
    selector.register(socket.socket(fileno=3 + i), selectors.EVENT_READ, names[i])
while True:
    for key, _ in selector.select():
        client, _ = key.fileobj.accept()
        word = client.makefile().readline().split()
        client.sendall(f"{key.data} {os.getpid()}\n".encode())
        client.close()
        if word[:1] == ["quit"]:
            sys.exit(int(word[1]))
