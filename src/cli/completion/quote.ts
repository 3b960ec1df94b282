// Words in scripts.

/** One word of a POSIX shell, bash or zsh, whatever is in it. */
export function quote(word: string): string {
  return /^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** One word of fish, in whose single quotes a backslash escapes itself and the quote. */
export function quoteFish(word: string): string {
  return /^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replace(/['\\]/g, "\\$&")}'`;
}
