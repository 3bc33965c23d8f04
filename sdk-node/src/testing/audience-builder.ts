/** Who is in an audience of {@link TestData}. */

/** What an attribute is compared with. A Date is an instant; texts are compared as texts unless a type is given. */
export type TestValue = string | number | boolean | Date;

export interface WhereOptions {
  /** The attribute's type, if the values do not say: for versions, for dates as text, and for `exists`. */
  readonly type?: 'string' | 'number' | 'boolean' | 'date' | 'version';
  /** Those with the attribute whose value does *not* match. */
  readonly negate?: boolean;
  readonly ignoreCase?: boolean;
}

/** Every call takes effect when it returns. */
export class AudienceBuilder {
  readonly #onChange: (document: Readonly<Record<string, unknown>>) => void;
  #match: 'all' | 'any' = 'all';
  #conditions: object[] = [];

  /** @internal */
  constructor(onChange: (document: Readonly<Record<string, unknown>>) => void = () => undefined) {
    this.#onChange = onChange;
  }

  /** @internal */
  get document(): Readonly<Record<string, unknown>> {
    return { match: this.#match, conditions: this.#conditions };
  }

  /** @internal */
  publish(): this {
    this.#onChange(this.document);
    return this;
  }

  /**
   * Adds a condition; those in the audience meet all of them, or any after `matchAny()`. Operators are those of the
   * database: `eq` `in` `contains` `starts_with` `ends_with` `matches` `in_cidr` `lt` `lte` `gt` `gte` `exists`.
   *
   * @example
   * td.audience('adults').where('country', 'in', ['CA', 'US']).where('age', 'gte', 18);
   */
  where(
    attribute: string,
    operator: string,
    values: TestValue | readonly TestValue[] = [],
    options: WhereOptions = {},
  ): this {
    const list: readonly TestValue[] = Array.isArray(values) ? values : [values as TestValue];
    const { negate = false, ignoreCase = false } = options;
    this.#conditions.push({
      attribute,
      type: options.type ?? typeOf(list),
      operator,
      values: list.map((value) => (value instanceof Date ? value.toISOString() : value)),
      negate,
      ignoreCase,
    });
    return this.publish();
  }

  /** Those who are in another audience, or in one of several. */
  inAudience(...audiences: readonly string[]): this {
    this.#conditions.push({ operator: 'in_audience', values: audiences });
    return this.publish();
  }

  /** Those with one of these targeting keys, and nobody else. */
  members(...targetingKeys: readonly string[]): this {
    this.#conditions = [];
    return this.where('targetingKey', 'in', targetingKeys);
  }

  /** From now on one condition is enough. */
  matchAny(): this {
    this.#match = 'any';
    return this.publish();
  }

  /** From now on all conditions are needed; so it is at first. */
  matchAll(): this {
    this.#match = 'all';
    return this.publish();
  }
}

function typeOf([first]: readonly TestValue[]): string {
  if (first instanceof Date) return 'date';
  return first === undefined ? 'string' : typeof first;
}
