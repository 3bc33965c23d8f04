/** One ruleset that stays as it is, and no network: for scripts, benchmarks, and a client whose rules come from elsewhere. */
import type { DataSource, SourceFactory } from './data-source.ts';
import { rulesetOption } from './ruleset-json.ts';
import type { RulesetJson } from './ruleset-json.ts';

/**
 * A source that has this ruleset and nothing else.
 *
 * The object is taken over: values of json flags in it are frozen. Throws a TypeError when it is no ruleset.
 *
 * @example
 * const fauna = await createClient({ source: staticSource({ flags: { checkout: { … } } }) });
 */
export function staticSource(ruleset: RulesetJson): SourceFactory {
  const payload = rulesetOption('the ruleset', ruleset);
  return {
    createSource: (): DataSource => ({
      start: (sink) => {
        sink.apply(payload, { mayGoBack: true, isServerStale: false });
        sink.live(false);
      },
      close: () => Promise.resolve(),
    }),
  };
}
