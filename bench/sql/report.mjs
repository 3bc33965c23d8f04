// Words and tables.
export function say(text = '') {
  console.log(text);
}

// The first column is text, the others are numbers or text, set to the right.
export function table(head, rows) {
  const cells = [head, ...rows].map((row) => row.map(String));
  const widths = head.map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  for (const row of cells) {
    say(
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column])))
        .join('  ')
        .trimEnd(),
    );
  }
  say();
}

export const whole = (number) => (number === undefined ? '-' : number.toFixed(0));
export const times = (quotient) => (quotient === undefined ? '-' : `${quotient.toFixed(2)}x`);
export const ratio = (a, b) => times(a / b);
