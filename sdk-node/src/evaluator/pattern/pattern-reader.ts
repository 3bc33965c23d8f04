/** Reads a pattern character by character, and the escapes that mean the same inside and outside of classes. */
import { DocumentError } from '../document.ts';

const CONTROLS: ReadonlyMap<string, number> = new Map([
  ['t', 9],
  ['n', 10],
  ['v', 11],
  ['f', 12],
  ['r', 13],
  ['a', 7],
]);
const PUNCTUATION = /^[!-/:;=?@[-`{-~ ]$/;

/** Letters of Unicode 17, which only one of the engines can fold yet. */
const TOO_NEW = [
  [0xa7ce, 0xa7d5],
  [0x16ea0, 0x16ed3],
] as const;

export class PatternReader {
  readonly #characters: readonly string[];
  #next = 0;

  constructor(pattern: string) {
    this.#characters = Array.from(pattern);
  }

  get length(): number {
    return this.#characters.length;
  }

  peek(): string | undefined {
    return this.#characters[this.#next];
  }

  take(): string | undefined {
    const character = this.peek();
    if (character !== undefined) this.#next += 1;
    return character;
  }

  /** Takes `expected` (ASCII) if it comes next. */
  takeIf(expected: string): boolean {
    for (let index = 0; index < expected.length; index += 1) {
      if (this.#characters[this.#next + index] !== expected[index]) return false;
    }
    this.#next += expected.length;
    return true;
  }

  /** Takes up to `most` characters that match. */
  takeWhile(test: RegExp, most: number): string {
    let taken = '';
    while (taken.length < most && test.test(this.peek() ?? '')) taken += this.take() ?? '';
    return taken;
  }

  /** The character that an escape stands for; its backslash has been taken. */
  readEscape(): number {
    const letter = this.take();
    if (letter === undefined) throw this.error('a backslash with nothing after it');
    const control = CONTROLS.get(letter);
    if (control !== undefined) return control;
    if (letter === 'x') return this.#readHexadecimal();
    if (PUNCTUATION.test(letter)) return letter.charCodeAt(0);
    throw this.error('unknown or unsupported escape');
  }

  #readHexadecimal(): number {
    const isBraced = this.takeIf('{');
    const digits = this.takeWhile(/^[0-9A-Fa-f]$/, isBraced ? 6 : 2);
    const isComplete = isBraced ? digits !== '' && this.takeIf('}') : digits.length === 2;
    const code = Number.parseInt(digits, 16);
    if (!isComplete || code > 0x10ffff) throw this.error('not a hexadecimal character');
    return this.#checked(code);
  }

  /** The code point of a character that stands for itself. */
  codeOf(character: string): number {
    return this.#checked(character.codePointAt(0) ?? 0);
  }

  #checked(code: number): number {
    if (code >= 0xd800 && code <= 0xdfff) throw this.error('not a character');
    if (TOO_NEW.some(([first, last]) => code >= first && code <= last)) {
      throw this.error('a letter younger than Unicode 16');
    }
    return code;
  }

  error(problem: string): DocumentError {
    return new DocumentError(`bad pattern near character ${Math.max(this.#next, 1)}: ${problem}`);
  }
}
