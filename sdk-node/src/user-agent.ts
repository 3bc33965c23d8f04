/** Tells the bridge's operator which SDK connects. A test holds it to the version in package.json. */
export const USER_AGENT = 'fauna-node/0.1.0';
