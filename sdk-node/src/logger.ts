/** Where the client writes what an operator should know. */
export interface Logger {
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

/** Warnings and errors on the console; news that need no action are for those who bring a logger. */
export const CONSOLE_LOGGER: Logger = {
  info: () => undefined,
  warn: (message) => {
    console.warn(`fauna: ${message}`);
  },
  error: (message) => {
    console.error(`fauna: ${message}`);
  },
};
