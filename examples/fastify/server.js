// A shop's checkout behind a flag, with Fastify: the client is a plugin, and ends with the application.
//
//   . .fauna/env && node examples/fastify/server.js
import { createClient } from "@fauna-flags/node";
import Fastify from "fastify";

const fauna = await createClient({
  url: process.env.FAUNA_URL,
  key: process.env.FAUNA_SERVER_KEY,
});

const app = Fastify();
app.decorate("fauna", fauna);
app.addHook("onClose", () => fauna.close());

// Whom the flags are evaluated for; an application would take it from its session.
app.decorateRequest("context", null);
app.addHook("onRequest", async (request) => {
  request.context = {
    targetingKey: request.query.user ?? "anonymous",
    country: request.query.country,
  };
});

app.get("/checkout", async ({ context }) => {
  const { value, variant, reason } = fauna.booleanDetails(
    "new-checkout",
    context,
    false,
  );
  return {
    checkout: value ? "new" : "old",
    because: { variant, reason },
    freeShippingFrom: fauna.number("free-shipping-from", context, 100),
  };
});

// Old values are better than none, so a process whose flags are stale goes on serving.
app.get("/healthz", async (request, reply) => {
  reply.code(fauna.status === "initializing" ? 503 : 200);
  return { flags: fauna.status };
});

await app.listen({ port: Number(process.env.PORT ?? 3000), host: "127.0.0.1" });
console.log(`listening on ${app.listeningOrigin}`);

process.once("SIGTERM", () => app.close());
process.once("SIGINT", () => app.close());
