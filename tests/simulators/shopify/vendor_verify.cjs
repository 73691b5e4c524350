// Reads [{body: base64, headers}] on stdin and says of each whether Shopify's own library takes the webhook.
require("@shopify/shopify-api/adapters/node");
const { shopifyApi } = require("@shopify/shopify-api");

const api = shopifyApi({
  apiKey: "key",
  apiSecretKey: process.argv[2],
  scopes: ["read_orders"],
  hostName: "orders.example.com",
  apiVersion: "2026-10",
  isEmbeddedApp: false,
  logger: { level: 0 },
});

async function main() {
  let input = "";
  for await (const chunk of process.stdin) input += chunk;
  const verdicts = [];
  for (const { body, headers } of JSON.parse(input)) {
    const rawRequest = { method: "POST", url: "/in/shopify/shop1", headers };
    const rawBody = Buffer.from(body, "base64").toString("utf8");
    verdicts.push((await api.webhooks.validate({ rawBody, rawRequest, rawResponse: {} })).valid);
  }
  console.log(JSON.stringify(verdicts));
}

main();
