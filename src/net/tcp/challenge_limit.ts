// RFC 5961, 7: acknowledgments that any stray segment can call for are limited, a connection by itself (a limit for all told
// outsiders about connections of others, CVE-2016-5696). It ends loops of two sides that correct each other, too.

const PERIOD = 1000;
const ALLOWED = 10;

export class ChallengeLimit {
  #since = Number.NEGATIVE_INFINITY;
  #count = 0;

  allows(now: number): boolean {
    if (now - this.#since >= PERIOD) {
      this.#since = now;
      this.#count = 0;
    }
    return ++this.#count <= ALLOWED;
  }
}
