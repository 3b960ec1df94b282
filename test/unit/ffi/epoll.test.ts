import { describe, expect, test } from "bun:test";
import { EPOLLERR, EPOLLET, EPOLLHUP, EPOLLIN, EPOLLOUT, Epoll } from "../../../ffi/epoll.ts";
import { syscall } from "../../../ffi/libc.ts";
import { pipe } from "../../../ffi/pipe.ts";

function seen(epoll: Epoll, count: number): readonly (readonly [token: number, events: number])[] {
  return Array.from({ length: count }, (_, i) => [epoll.token(i), epoll.events(i)] as const);
}

describe("Epoll", () => {
  test("gives token and events of what is ready, and nothing of what is not", () => {
    using epoll = new Epoll();
    const { read, write } = pipe("test");
    using r = read;
    using w = write;
    epoll.add(r.number, EPOLLIN, 7);
    expect(epoll.wait(0)).toBe(0);
    syscall("write", "pipe", w.number, Uint8Array.of(1), 1);
    expect(seen(epoll, epoll.wait(-1))).toEqual([[7, EPOLLIN]]);
  });

  test("a token of 53 bits comes back whole", () => {
    using epoll = new Epoll();
    const { read, write } = pipe("test");
    using _ = read;
    using w = write;
    for (const token of [0, 0xffffffff, 0x100000000, Number.MAX_SAFE_INTEGER]) {
      epoll.add(w.number, EPOLLOUT, token);
      expect(seen(epoll, epoll.wait(-1))).toEqual([[token, EPOLLOUT]]);
      epoll.remove(w.number);
    }
  });

  test("modify changes what is waited for; an end that is gone is told without being asked for", () => {
    using epoll = new Epoll();
    const { read, write } = pipe("test");
    using w = write;
    epoll.add(w.number, EPOLLOUT, 1);
    epoll.modify(w.number, 0, 2);
    expect(epoll.wait(0)).toBe(0);
    read.close();
    expect(seen(epoll, epoll.wait(-1))).toEqual([[2, EPOLLERR]]);
  });

  test("more events than it has room for come with the next wait", () => {
    using epoll = new Epoll(2);
    const pipes = [1, 2, 3].map((token) => ({ token, ...pipe("test") }));
    for (const { token, write } of pipes) epoll.add(write.number, EPOLLOUT | EPOLLET, token);
    const first = seen(epoll, epoll.wait(-1));
    const second = seen(epoll, epoll.wait(-1));
    expect([...first, ...second].map(([token]) => token).toSorted()).toEqual([1, 2, 3]);
    expect([first.length, second.length]).toEqual([2, 1]);
    for (const { read, write } of pipes) for (const end of [read, write]) end.close();
  });

  test("an epoll is itself readable while an event waits", () => {
    using inner = new Epoll();
    using outer = new Epoll();
    const { read, write } = pipe("test");
    using r = read;
    inner.add(r.number, EPOLLIN, 1);
    outer.add(inner.fd, EPOLLIN, 2);
    expect(outer.wait(0)).toBe(0);
    write.close();
    expect(seen(outer, outer.wait(-1))).toEqual([[2, EPOLLIN]]);
    expect(seen(inner, inner.wait(-1))).toEqual([[1, EPOLLHUP]]);
  });

  test("a descriptor that is watched already is an error with a name", () => {
    using epoll = new Epoll();
    const { read, write } = pipe("test");
    using r = read;
    using _ = write;
    epoll.add(r.number, EPOLLIN, 1);
    expect(() => epoll.add(r.number, EPOLLIN, 1)).toThrow(`epoll_ctl ADD descriptor ${r.number}: EEXIST`);
  });
});
