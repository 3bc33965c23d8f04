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

/** The same logger, but one that throws harms nobody: least of all the stream whose news it was told. */
export function harmless(logger: Logger): Logger {
  const attempt = (write: () => void): void => {
    try {
      write();
    } catch {
      // There is nowhere left to say it.
    }
  };
  return {
    info: (message) => {
      attempt(() => {
        logger.info(message);
      });
    },
    warn: (message) => {
      attempt(() => {
        logger.warn(message);
      });
    },
    error: (message) => {
      attempt(() => {
        logger.error(message);
      });
    },
  };
}
