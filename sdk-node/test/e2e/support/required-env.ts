/** What the end-to-end tests are given from outside. Missing is a failure with clear words, never a skip. */
export function requiredEnv(
  name: 'FAUNA_E2E_PG_BINDIR' | 'FAUNA_E2E_BRIDGE' | 'FAUNA_E2E_DIFFERENTIAL',
): string {
  const value = process.env[name];
  if (value !== undefined && value !== '') return value;
  throw new Error(
    `${name} is not set. The end-to-end tests need FAUNA_E2E_PG_BINDIR (the bin folder of a PostgreSQL in which the ` +
      'extension is installed), FAUNA_E2E_BRIDGE (the built bridge) and FAUNA_E2E_DIFFERENTIAL (the built maker of ' +
      'random rounds); `make test` sets them.',
  );
}
