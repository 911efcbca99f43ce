// A sender and subscriber that knows nothing of Carepath: fhir-kit-client, and Node's own HTTP server as its endpoint.
//
// `node fhir_kit.mjs BASE MESSAGE.json…`: messages about one patient's stays. It subscribes to what is told of her,
// sends half of the messages, then its endpoint fails until the Subscription is in error while the others are sent;
// it asks for what it missed, subscribes anew, and pages the stays. Prints one JSON line with what it saw.
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "fhir-kit-client";

const IG = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition";
const TOPIC = "https://carepath.example/fhir/SubscriptionTopic/pathway-update";
const PATIENCE = 60_000; // ms

const [base, ...files] = process.argv.slice(2);
const client = new Client({ baseUrl: base });
const messages = await Promise.all(files.map(async (file) => JSON.parse(await readFile(file, "utf8"))));
const half = Math.ceil(messages.length / 2);

const endpoint = { failing: false, taken: [] };
const server = createServer(async (request, response) => {
  const chunks = await request.toArray();
  if (!endpoint.failing) {
    endpoint.taken.push({
      ...told(JSON.parse(Buffer.concat(chunks).toString())),
      contentType: request.headers["content-type"],
      header: request.headers["x-ward"],
    });
  }
  response.writeHead(endpoint.failing ? 500 : 204).end();
});
server.listen(0, "127.0.0.1");
await once(server, "listening");

function value(parameters, name) {
  const found = parameters.find((parameter) => parameter.name === name) ?? {};
  return found[Object.keys(found).find((key) => key.startsWith("value"))];
}

/** What a notification says: its type, the Subscription's status and count, numbers, and ids of messages. */
function told(bundle) {
  const { parameter } = bundle.entry[0].resource;
  const headers = bundle.entry
    .filter(({ resource }) => resource?.resourceType === "Bundle")
    .map(({ resource }) => resource.entry[0].resource.id);
  return {
    type: value(parameter, "type"),
    status: value(parameter, "status"),
    count: Number(value(parameter, "events-since-subscription-start")),
    numbers: parameter
      .filter(({ name }) => name === "notification-event")
      .map(({ part }) => Number(value(part, "event-number"))),
    messages: headers,
  };
}

async function until(holds) {
  for (const latest = Date.now() + PATIENCE; !(await holds()); await sleep(50)) {
    if (Date.now() > latest) throw new Error(`in vain: ${holds}`);
  }
}

async function send(message) {
  const receipt = await client.operation({ name: "process-message", input: message });
  const { response } = receipt.entry[0].resource;
  if (response.code !== "ok") throw new Error(`receipt says ${response.code}`);
}

async function status() {
  const found = await client.operation({ name: "status", resourceType: "Subscription", id, method: "GET" });
  return told({ entry: found.entry });
}

const patient = messages[0].entry.find(({ resource }) => resource.resourceType === "Patient").resource;
const { system, value: number } = patient.identifier[0];
const extension = (name, content) => ({ url: `${IG}/${name}`, ...content });
const wanted = {
  resourceType: "Subscription",
  status: "requested",
  reason: "To follow one patient",
  criteria: TOPIC,
  _criteria: {
    extension: [extension("backport-filter-criteria", { valueString: `patient.identifier=${system}|${number}` })],
  },
  channel: {
    extension: [extension("backport-max-count", { valuePositiveInt: 2 })],
    type: "rest-hook",
    endpoint: `http://127.0.0.1:${server.address().port}/`,
    header: ["X-Ward: 3 West"],
    payload: "application/fhir+json",
    _payload: { extension: [extension("backport-payload-content", { valueCode: "full-resource" })] },
  },
};

const capability = await client.capabilityStatement();
const offered = capability.rest[0].resource.find(({ type }) => type === "Subscription");

const created = await client.create({ resourceType: "Subscription", body: wanted });
const { id } = created;
await until(async () => (await status()).status === "active");

for (const message of messages.slice(0, half)) await send(message);
const events = () => endpoint.taken.filter(({ type }) => type === "event-notification");
const numbers = () => events().flatMap((event) => event.numbers);
await until(async () => numbers().length >= half && numbers().length === (await status()).count);
const before = numbers().length;

endpoint.failing = true;
for (const message of messages.slice(half)) await send(message);
await until(async () => (await status()).status === "error");
const failed = await status();
const missed = await client.operation({
  name: "events",
  resourceType: "Subscription",
  id,
  method: "GET",
  input: { eventsSinceNumber: before + 1, eventsUntilNumber: failed.count, content: "full-resource" },
});

endpoint.failing = false;
const current = await client.read({ resourceType: "Subscription", id });
await client.update({ resourceType: "Subscription", id, body: { ...current, status: "requested" } });
await until(() => numbers().length >= failed.count);
const after = await status();

const found = await client.search({ resourceType: "Patient", searchParams: { identifier: `${system}|${number}` } });
const searchParams = { patient: found.entry[0].resource.id, _count: 1 };
const first = await client.search({ resourceType: "Encounter", searchParams });
const stays = [];
for (let page = first; page; page = await client.nextPage({ bundle: page })) {
  stays.push(...page.entry.map(({ resource }) => resource.id));
}
const previous = (await client.prevPage({ bundle: first })) ?? null;

await client.delete({ resourceType: "Subscription", id });
server.closeAllConnections();
server.close();
console.log(
  JSON.stringify({
    fhirVersion: capability.fhirVersion,
    operations: offered.operation.map(({ name }) => name),
    created: created.status,
    taken: endpoint.taken,
    before,
    failed,
    missed: told(missed),
    after,
    stays,
    previous,
  }),
);
