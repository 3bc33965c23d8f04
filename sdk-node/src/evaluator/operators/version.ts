/** Operators on versions: SemVer 2.0 precedence; a leading `v` and a missing minor or patch are accepted. */
import { DocumentError } from '../document.ts';
import type { OperatorCompiler } from './operator.ts';
import { ScalarTest } from './scalar-test.ts';

const VERSION =
  /^v?(0|[1-9]\d*)(?:\.(0|[1-9]\d*))?(?:\.(0|[1-9]\d*))?(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$/;
const NUMERIC = /^\d+$/;

/** A version as precedence sees it: build metadata does not count. */
interface Version {
  /** Major, minor, patch in decimal without leading zeros: as long as they like. */
  readonly core: readonly string[];
  readonly prerelease: readonly string[];
}

export const compileVersion: OperatorCompiler = ({ operator, values }) => {
  const versions = values.map((value) => {
    const version = typeof value === 'string' ? parseVersion(value) : undefined;
    if (version === undefined) throw new DocumentError('values: not a version');
    return version;
  });
  switch (operator) {
    case 'eq':
    case 'in':
      return onVersion(versions, (order) => order === 0);
    case 'lt':
      return onVersion(versions, (order) => order < 0);
    case 'lte':
      return onVersion(versions, (order) => order <= 0);
    case 'gt':
      return onVersion(versions, (order) => order > 0);
    case 'gte':
      return onVersion(versions, (order) => order >= 0);
    default:
      throw new DocumentError('operator: unknown for type version');
  }
};

function onVersion(versions: readonly Version[], holds: (order: number) => boolean): ScalarTest {
  return ScalarTest.textThat((text) => {
    const parsed = parseVersion(text);
    return parsed !== undefined && versions.some((version) => holds(compareVersions(parsed, version)));
  });
}

function parseVersion(text: string): Version | undefined {
  const match = VERSION.exec(text);
  if (match === null) return undefined;
  const prerelease = match[4] === undefined ? [] : match[4].split('.');
  if (prerelease.some((part) => part.length > 1 && part.startsWith('0') && NUMERIC.test(part)))
    return undefined;
  return { core: [match[1] ?? '0', match[2] ?? '0', match[3] ?? '0'], prerelease };
}

function compareVersions(a: Version, b: Version): number {
  for (let index = 0; index < 3; index += 1) {
    const order = compareNumerals(a.core[index] ?? '', b.core[index] ?? '');
    if (order !== 0) return order;
  }
  // A version without prerelease comes after all of its prereleases.
  if (a.prerelease.length === 0 || b.prerelease.length === 0)
    return b.prerelease.length - a.prerelease.length;
  const shared = Math.min(a.prerelease.length, b.prerelease.length);
  for (let index = 0; index < shared; index += 1) {
    const order = compareIdentifiers(a.prerelease[index] ?? '', b.prerelease[index] ?? '');
    if (order !== 0) return order;
  }
  return a.prerelease.length - b.prerelease.length;
}

function compareIdentifiers(a: string, b: string): number {
  const [isNumericA, isNumericB] = [NUMERIC.test(a), NUMERIC.test(b)];
  if (isNumericA && isNumericB) return compareNumerals(a, b);
  if (isNumericA !== isNumericB) return isNumericA ? -1 : 1;
  return compareTexts(a, b);
}

/** Compares decimals without leading zeros: the longer is the larger. */
function compareNumerals(a: string, b: string): number {
  return a.length - b.length || compareTexts(a, b);
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
