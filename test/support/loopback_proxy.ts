// An HTTP proxy on loopback that sends everything to one port, whatever host it is asked for, and keeps what it was asked.

import type { AddressInfo } from "node:net";
import { createServer, connect as dial, type Server, type Socket } from "node:net";

export class LoopbackProxy implements AsyncDisposable {
  /** The heads of the requests: `CONNECT host:443 HTTP/1.1`, or an absolute address. */
  readonly heads: string[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(target: number) {
    this.#server = createServer((socket) => {
      this.#keep(socket);
      socket.once("data", (head) => this.#forward(socket, Buffer.from(head), target));
    });
  }

  static async start(target: number): Promise<LoopbackProxy> {
    const proxy = new LoopbackProxy(target);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#sockets.delete(socket));
  }

  #forward(socket: Socket, head: Buffer, target: number): void {
    const text = head.toString("latin1");
    this.heads.push(text.slice(0, text.indexOf("\r\n\r\n")));
    const upstream = dial(target, "127.0.0.1", () => {
      if (text.startsWith("CONNECT ")) socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      else upstream.write(head);
      socket.pipe(upstream).pipe(socket);
    });
    this.#keep(upstream);
    upstream.on("close", () => socket.destroy());
    socket.on("close", () => upstream.destroy());
  }
}
