/** What a flag of {@link TestData} evaluates to, in the words of the SQL functions. */
import { isDeepStrictEqual } from 'node:util';
import type { JsonValue } from '../evaluator/json-value.ts';

/** What a flag needs: its document, audiences of its own, and the audiences it names. */
export interface FlagDocuments {
  readonly flag: Readonly<Record<string, unknown>>;
  readonly audiences: Record<string, unknown>;
  readonly needed: readonly string[];
}

type Split = readonly { readonly variant: string; readonly weight: number }[];
type Serve = { readonly variant: string } | { readonly split: Split; readonly by: string };

/** Every call takes effect when it returns. */
export class FlagBuilder {
  readonly #key: string;
  readonly #onChange: (documents: FlagDocuments) => void;
  #variants = new Map<string, JsonValue>([
    ['on', true],
    ['off', false],
  ]);
  #isEnabled = false;
  #offVariant = 'off';
  #otherwise: Serve | undefined;
  #byTargetingKey = new Map<string | number, string>();
  #rules = new Map<string, Serve>();
  #prerequisites = new Map<string, readonly string[]>();

  /** @internal */
  constructor(key: string, onChange: (documents: FlagDocuments) => void) {
    this.#key = key;
    this.#onChange = onChange;
  }

  /** Enables it: it serves its first variant (`on`) to everybody, or what further calls say. */
  on(): this {
    this.#isEnabled = true;
    return this.publish();
  }

  /** Disables it: it serves its off variant to everybody. */
  off(): this {
    this.#isEnabled = false;
    return this.publish();
  }

  /**
   * Replaces its variants, whose values all have one type, and forgets what it served; the first is served when it is
   * on, and `offVariant` (`off`, or else the last) when it is off. Throws a TypeError for values of several types.
   */
  variants(values: Readonly<Record<string, JsonValue>>, offVariant?: string): this {
    const variants = new Map(Object.entries(values));
    kindOf([...variants.values()]);
    const off = offVariant ?? (variants.has('off') ? 'off' : [...variants.keys()].at(-1));
    if (off === undefined) throw new TypeError('a flag needs a variant');
    this.#variants = variants;
    this.#offVariant = this.#known(off);
    return this.clearTargeting();
  }

  /** Enables it for an audience, which gets `variant` (the first, if left out), and nobody else unless `otherwise` says. */
  forAudience(audience: string, variant = this.#first): this {
    this.#rules.set(audience, { variant: this.#known(variant) });
    this.#otherwise ??= { variant: this.#offVariant };
    return this.on();
  }

  /** Enables it, with this value for one subject, whatever else is said; a value that is new becomes a variant. */
  valueForKey(targetingKey: string | number, value: JsonValue): this {
    this.#byTargetingKey.set(targetingKey, this.#variantOf(value));
    return this.on();
  }

  /** Enables it, with this value for everybody; a value that is new becomes a variant. */
  valueForAll(value: JsonValue): this {
    const variant = this.#variantOf(value);
    this.clearTargeting();
    this.#otherwise = { variant };
    return this.on();
  }

  /** Enables it, with this variant for whomever no audience or key is said. */
  otherwise(variant: string): this {
    this.#otherwise = { variant: this.#known(variant) };
    return this.on();
  }

  /**
   * Enables it for a share of everybody (0 to 100, three decimals), who get `variant` (the first, if left out); the rest
   * get the off variant. The share is the same as in the database, and a larger one keeps everybody who was in.
   */
  rollout(percentage: number, variant = this.#first, by = 'targetingKey'): this {
    if (typeof percentage !== 'number' || !(percentage >= 0 && percentage <= 100)) {
      throw new TypeError('a percentage is a number from 0 to 100');
    }
    const weight = Math.round(percentage * 1000);
    this.#otherwise = { split: [{ variant: this.#known(variant), weight }], by };
    return this.on();
  }

  /** It is off unless another flag serves one of these variants (`on`, if left out). */
  requires(flag: string, ...variants: readonly string[]): this {
    this.#prerequisites.set(flag, variants.length === 0 ? ['on'] : variants);
    return this.publish();
  }

  /** Forgets audiences, keys, shares and requirements. */
  clearTargeting(): this {
    this.#otherwise = undefined;
    this.#byTargetingKey = new Map();
    this.#rules = new Map();
    this.#prerequisites = new Map();
    return this.publish();
  }

  /** @internal */
  publish(): this {
    this.#onChange(this.#documents());
    return this;
  }

  get #first(): string {
    return this.#variants.keys().next().value ?? this.#offVariant;
  }

  #known(variant: string): string {
    if (this.#variants.has(variant)) return variant;
    const known = [...this.#variants.keys()].join(', ');
    throw new TypeError(`the flag ${this.#key} has no variant ${variant}, only ${known}`);
  }

  /** The variant with this value; a new one of another type than the others replaces them. */
  #variantOf(value: JsonValue): string {
    for (const [key, known] of this.#variants) if (isDeepStrictEqual(known, value)) return key;
    const isSameKind = kindOf([...this.#variants.values()]) === kindOf([value]);
    const key = `value-${this.#variants.size + 1}`;
    if (isSameKind) {
      this.#variants.set(key, value);
      return key;
    }
    this.variants({ [key]: value });
    return key;
  }

  #documents(): FlagDocuments {
    const audiences: Record<string, unknown> = {};
    const keysOfVariant = new Map<string, (string | number)[]>();
    for (const [targetingKey, variant] of this.#byTargetingKey) {
      keysOfVariant.set(variant, [...(keysOfVariant.get(variant) ?? []), targetingKey]);
    }
    const rules: object[] = [];
    for (const [variant, keys] of keysOfVariant) {
      const audience = `${this.#key}:${variant}`;
      audiences[audience] = audienceOfKeys(keys);
      rules.push(rule(audience, { variant }));
    }
    for (const [audience, serve] of this.#rules) rules.push(rule(audience, serve));
    const flag = {
      kind: kindOf([...this.#variants.values()]),
      enabled: this.#isEnabled,
      salt: this.#key,
      offVariant: this.#offVariant,
      variants: Object.fromEntries(this.#variants),
      prerequisites: Array.from(this.#prerequisites, ([key, variants]) => ({ flag: key, variants })),
      rules,
      default: this.#otherwise ?? { variant: this.#first },
    };
    return { flag, audiences, needed: [...this.#rules.keys()] };
  }
}

function rule(audience: string, serve: Serve): object {
  return { id: `for ${audience}`, match: 'any', audiences: [{ key: audience }], serve };
}

function audienceOfKeys(keys: readonly (string | number)[]): object {
  const conditions = (['string', 'number'] as const)
    .map((type) => ({ type, values: keys.filter((key) => typeof key === type) }))
    .filter(({ values }) => values.length > 0)
    .map((condition) => ({ attribute: 'targetingKey', operator: 'in', ...condition }));
  return { match: 'any', conditions };
}

/** The kind of a flag whose variants have these values. */
function kindOf(values: readonly JsonValue[]): string {
  const kinds = new Set(values.map((value) => (isScalar(value) ? typeof value : 'json')));
  const [kind, ...more] = kinds;
  if (kind === undefined || more.length > 0) {
    throw new TypeError('the variants of a flag have values of one type: boolean, string, number or json');
  }
  return kind;
}

function isScalar(value: JsonValue): boolean {
  return value !== null && typeof value !== 'object';
}
