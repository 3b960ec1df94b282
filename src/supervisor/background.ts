// What a supervisor does beside waiting for its command: the network stack is one. It joins whichever loop there is.

export type Background = Disposable & {
  /** Readable when {@link turn} has something to do; an epoll(7) descriptor may be one. */
  readonly fd: number;
  /** In how many milliseconds it has, whatever happens. */
  readonly timeout: number;
  /** The last turn had something to do; another may, at once. */
  readonly isBusy: boolean;
  /** Changes as what the command left to be done is done; `undefined` when nothing is left. */
  readonly passing: number | undefined;
  /** Does all that is due, after waiting for that so many milliseconds at most; not at all, unless told to. */
  turn(milliseconds?: number): void;
  /** Lets go of memory that is kept for what may come. */
  giveBack(): void;
  /** To be told whenever a descriptor is readable, by a {@link turn}; until what is returned is called. */
  watch(fd: number, ready: () => void): () => void;
};
