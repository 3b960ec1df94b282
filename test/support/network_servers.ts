// Servers on the test's own loopback, at ports that the kernel chooses.
import { createSocket, type RemoteInfo, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { LineReader } from "./line_reader.ts";

export type HostFamily = 4 | 6;
const LOOPBACK = { 4: "127.0.0.1", 6: "::1" } as const;

/** Connections stay half open until the test ends them, and are read from when the test asks. */
export class TcpServer implements AsyncDisposable {
  readonly port: number;
  readonly #server: Server;
  readonly #open = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on("connection", (socket) => {
      this.#open.add(socket);
      socket.on("close", () => this.#open.delete(socket));
      // Whether an error matters is seen by what came: an unheard one would end the process.
      socket.on("error", () => {});
    });
  }

  static async start(serve: (socket: Socket) => void, family: HostFamily = 4): Promise<TcpServer> {
    const server = createServer({ allowHalfOpen: true }, serve);
    server.listen(0, LOOPBACK[family]);
    await once(server, "listening");
    return new TcpServer(server);
  }

  get open(): number {
    return this.#open.size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    this.#server.close();
  }
}

export type UdpServer = AsyncDisposable & { readonly port: number; readonly socket: UdpSocket };

export async function udpServer(
  serve: (socket: UdpSocket, datagram: Buffer, from: RemoteInfo) => void,
  family: HostFamily = 4,
): Promise<UdpServer> {
  const socket = createSocket(family === 4 ? "udp4" : "udp6");
  socket.on("message", (datagram, from) => serve(socket, datagram, from));
  socket.bind(0, LOOPBACK[family]);
  await once(socket, "listening");
  const close = async (): Promise<void> => {
    socket.close();
  };
  return { port: socket.address().port, socket, [Symbol.asyncDispose]: close };
}

/** A port of the host's loopback that nobody listens at. */
export async function closedPort(kind: "tcp" | "udp"): Promise<number> {
  await using server = await (kind === "tcp" ? TcpServer.start(() => {}) : udpServer(() => {}));
  return server.port;
}

/** A server in a process of its own, that can be killed: says its port, then what it has to say. */
export class ServerProcess implements AsyncDisposable {
  readonly port: number;
  readonly lines: LineReader;
  readonly #child: Bun.Subprocess<"pipe", "pipe", "inherit">;

  private constructor(child: Bun.Subprocess<"pipe", "pipe", "inherit">, lines: LineReader, port: number) {
    this.#child = child;
    this.lines = lines;
    this.port = port;
  }

  /** `serve`: Python, for the one connection `s`. */
  static async start(serve: string): Promise<ServerProcess> {
    const program = [
      "import os, socket, sys",
      "l = socket.create_server(('127.0.0.1', 0))",
      "print(l.getsockname()[1], flush=True)",
      "s, _ = l.accept()",
      serve,
    ].join("\n");
    const child = Bun.spawn(["python3", "-c", program], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
    const lines = new LineReader(child.stdout);
    return new ServerProcess(child, lines, Number(await lines.next()));
  }

  /** Gives it a line to read. */
  tell(): void {
    this.#child.stdin.write("\n");
    this.#child.stdin.flush();
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

/** All that comes, to the end of the stream. */
export async function readToEnd(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(socket, "end");
  return Buffer.concat(chunks);
}
