/**
 * Attributes of a context, read fast.
 *
 * V8 remembers at every place of the source that reads a property which objects passed there and where their property
 * lay, and makes a single load of it. A place that reads properties of many names remembers nothing, and
 * `Object.hasOwn` never does: together they took 18 to 25 ns an attribute here, more than all else in a condition. So
 * {@link readAt} has many places that look alike, and the first {@link SITES} attributes that a process compiles get one
 * each: 9 ns, the loop around it included. Attributes beyond them share the last place; they are as right, and slower.
 * (Generated code would do better still, and is forbidden in many processes.)
 */
import { present } from './context.ts';

/** How many attributes have a place of their own. */
const SITES = 16;

const PLAIN = Object.prototype as unknown as Record<string, unknown>;

type Properties = Readonly<Record<string, unknown>>;

/** True for objects that inherit from nothing but `Object.prototype`, so that a read need not ask what is their own. */
export function isPlain(object: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(object);
  return prototype === PLAIN || prototype === null;
}

/** One attribute, by its top-level key or else by the dotted path through objects. */
export class Attribute {
  readonly name: string;
  private readonly site: number;
  private readonly path: readonly Attribute[] | undefined;

  constructor(name: string, site: number, path: readonly Attribute[] | undefined) {
    this.name = name;
    this.site = site;
    this.path = path;
  }

  /** The value as JSON would have it; undefined means missing. `plain` says what {@link isPlain} says. */
  read(context: object, plain: boolean): unknown {
    const value = plain ? readAt(this.site, context as Properties, this.name) : readOwn(context, this.name);
    // Texts and booleans are always what JSON has.
    return typeof value === 'string' || typeof value === 'boolean'
      ? value
      : this.present(value, context, plain);
  }

  private present(value: unknown, context: object, plain: boolean): unknown {
    const found = present(value);
    return found === undefined && this.path !== undefined ? readPath(this.path, context, plain) : found;
  }

  /** The object's own property of that name, as it is; undefined if it has none. */
  own(object: object, plain: boolean): unknown {
    return plain ? readAt(this.site, object as Properties, this.name) : readOwn(object, this.name);
  }
}

function readOwn(object: object, name: string): unknown {
  return Object.hasOwn(object, name) ? (object as Properties)[name] : undefined;
}

function readPath(path: readonly Attribute[], context: object, plain: boolean): unknown {
  let current: object = context;
  let isPlainHere = plain;
  for (let index = 0; ; index += 1) {
    const value = path[index]?.own(current, isPlainHere);
    if (index + 1 >= path.length) return typeof value === 'string' ? value : present(value);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    isPlainHere = isPlain(value);
    if (!isPlainHere && value instanceof Date) return undefined;
    current = value;
  }
}

/** The attributes that have a place of their own, by name. Never more than SITES, so no ruleset can fill memory. */
const placed = new Map<string, Attribute>();

/** The attribute of that name. */
export function attributeOf(name: string): Attribute {
  const known = placed.get(name);
  if (known !== undefined) return known;
  const path = name.includes('.') ? name.split('.').map(attributeOf) : undefined;
  if (placed.size >= SITES) return new Attribute(name, SITES, path);
  // A property's name is unique in memory, as a text out of a document need not be; only such names are remembered.
  const [unique = name] = Object.keys({ [name]: 0 });
  const attribute = new Attribute(unique, placed.size, path);
  placed.set(unique, attribute);
  return attribute;
}

/**
 * A property of an object that inherits from `Object.prototype` at most. What that has too (`constructor`, or whatever
 * somebody put there) is looked for once more, since it is an attribute only if it is the object's own.
 */
function readAt(site: number, object: Properties, name: string): unknown {
  let value: unknown;
  let inherited: unknown;
  switch (site) {
    case 0:
      value = object[name];
      inherited = PLAIN[name];
      break;
    case 1:
      value = object[name];
      inherited = PLAIN[name];
      break;
    case 2:
      value = object[name];
      inherited = PLAIN[name];
      break;
    case 3:
      value = object[name];
      inherited = PLAIN[name];
      break;
    case 4:
      value = object[name];
      inherited = PLAIN[name];
      break;
    case 5:
      value = object[name];
      inherited = PLAIN[name];
      break;
    case 6:
      value = object[name];
      inherited = PLAIN[name];
      break;
    case 7:
      value = object[name];
      inherited = PLAIN[name];
      break;
    case 8:
      value = object[name];
      inherited = PLAIN[name];
      break;
    case 9:
      value = object[name];
      inherited = PLAIN[name];
      break;
    case 10:
      value = object[name];
      inherited = PLAIN[name];
      break;
    case 11:
      value = object[name];
      inherited = PLAIN[name];
      break;
    case 12:
      value = object[name];
      inherited = PLAIN[name];
      break;
    case 13:
      value = object[name];
      inherited = PLAIN[name];
      break;
    case 14:
      value = object[name];
      inherited = PLAIN[name];
      break;
    case 15:
      value = object[name];
      inherited = PLAIN[name];
      break;
    default:
      value = object[name];
      inherited = PLAIN[name];
  }
  return value === undefined || inherited === undefined || Object.hasOwn(object, name) ? value : undefined;
}
