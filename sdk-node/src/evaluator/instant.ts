/**
 * Instants with microsecond precision: microseconds since the Unix epoch, as a number while a double holds them exactly
 * (until the year 2255) and as a bigint beyond. JavaScript compares the two exactly, so comparisons need not ask.
 */

/** Microseconds since 1970-01-01T00:00:00Z. */
export type Instant = number | bigint;

const RFC_3339 = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.(\d+))?(?:Z|([+-])(\d{2}):(\d{2}))$/;
const MONTH_LENGTHS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;

/** The present instant by a clock in milliseconds. */
export function instantOfMs(ms: number): Instant {
  return Math.floor(ms * 1000);
}

/**
 * The instant an RFC 3339 text names, undefined when it names none. An offset or `Z` is needed; lower-case `t` and
 * `z` and leap seconds are refused; digits beyond microseconds are cut off.
 */
export function parseInstant(text: string): Instant | undefined {
  const match = RFC_3339.exec(text);
  if (match === null) return undefined;
  const field = (index: number): number => Number(match[index] ?? '0');
  const [year, month, day, hour, minute, second] = [
    field(1),
    field(2),
    field(3),
    field(4),
    field(5),
    field(6),
  ];
  const [offsetHours, offsetMinutes] = [field(9), field(10)];
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return undefined;
  if (hour > 23 || minute > 59 || second > 59 || offsetHours > 23 || offsetMinutes > 59) return undefined;

  const offset = (offsetHours * 60 + offsetMinutes) * (match[8] === '-' ? -60 : 60);
  const seconds = daysSinceEpoch(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset;
  const micros = Number((match[7] ?? '').padEnd(6, '0').slice(0, 6));
  const instant = seconds * 1_000_000 + micros;
  return Number.isSafeInteger(instant) ? instant : BigInt(seconds) * 1_000_000n + BigInt(micros);
}

function daysInMonth(year: number, month: number): number {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return month === 2 && isLeap ? 29 : (MONTH_LENGTHS[month - 1] ?? 0);
}

/** Days since 1970-01-01 in the proleptic Gregorian calendar (Howard Hinnant, "days_from_civil"). */
function daysSinceEpoch(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}
