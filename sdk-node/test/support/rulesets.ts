/** Small documents and payloads, as the bridge sends them. */

export const EPOCH = '6f1c2a9e-0b54-4d7c-9a43-5f3d1c0e8b11';

export type Documents = Readonly<Record<string, unknown>>;

/** A boolean flag that is on for everybody, or as `more` says. */
export function booleanFlag(more: Documents = {}): Documents {
  return {
    kind: 'boolean',
    enabled: true,
    offVariant: 'off',
    variants: { on: true, off: false },
    default: { variant: 'on' },
    ...more,
  };
}

/** A rule that serves `on` to these audiences. */
export function ruleFor(...audiences: string[]): Documents {
  return { id: 'r1', match: 'any', audiences: audiences.map((key) => ({ key })), serve: { variant: 'on' } };
}

export function audienceOf(country: string): Documents {
  const condition = { attribute: 'country', type: 'string', operator: 'eq', values: [country] };
  return { match: 'all', conditions: [condition] };
}

export function put(
  revision: number,
  flags: Documents = {},
  audiences: Documents = {},
  epoch = EPOCH,
): Documents {
  return { environment: 'production', epoch, revision, flags, audiences };
}

export function patch(
  from: number,
  revision: number,
  flags: Documents = {},
  audiences: Documents = {},
): Documents {
  return { ...put(revision, flags, audiences), from };
}
