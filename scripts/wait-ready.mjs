// Waits until a URL answers 2xx, for at most 30 s; exits 1 if it never does.
const [url] = process.argv.slice(2);
const deadline = Date.now() + 30_000;
while (Date.now() < deadline) {
  const ready = await fetch(url).then((response) => response.ok, () => false);
  if (ready) process.exit(0);
  await new Promise((resolve) => setTimeout(resolve, 50));
}
process.exit(1);
