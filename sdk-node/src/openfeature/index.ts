/** `@fauna-flags/node/openfeature`: Fauna behind the API of OpenFeature. Needs `@openfeature/server-sdk`. */
export { FaunaProvider } from './provider.ts';
