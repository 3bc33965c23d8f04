// A shop's checkout behind a flag, with Express: one client for the process, a context for each request.
//
//   . .fauna/env && node examples/express/server.js
import { createClient } from "@fauna-flags/node";
import express from "express";

const fauna = await createClient({
  url: process.env.FAUNA_URL,
  key: process.env.FAUNA_SERVER_KEY,
});

const app = express();

// Whom the flags are evaluated for; an application would take it from its session.
app.use((request, response, next) => {
  response.locals.context = {
    targetingKey: request.query.user ?? "anonymous",
    country: request.query.country,
  };
  next();
});

app.get("/checkout", (request, response) => {
  const { context } = response.locals;
  const { value, variant, reason } = fauna.booleanDetails(
    "new-checkout",
    context,
    false,
  );
  response.json({
    checkout: value ? "new" : "old",
    because: { variant, reason },
    freeShippingFrom: fauna.number("free-shipping-from", context, 100),
  });
});

// Old values are better than none, so a process whose flags are stale goes on serving.
app.get("/healthz", (request, response) => {
  response
    .status(fauna.status === "initializing" ? 503 : 200)
    .json({ flags: fauna.status });
});

const server = app.listen(Number(process.env.PORT ?? 3000), "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});

process.once("SIGTERM", stop);
process.once("SIGINT", stop);

function stop() {
  server.close();
  server.closeIdleConnections();
  void fauna.close();
}
