// A sender that signs in with SMART Backend Services: fhir-kit-client's discovery, and Node's own cryptography.
//
// `node fhir_kit_smart.mjs BASE CLIENT_ID KEY_FILE MESSAGE.json…`: it is turned away without a token, gets one, sends
// the messages about one patient, pages the stays, and subscribes. Prints one JSON line with what it saw.
import { createPrivateKey, randomUUID, sign } from "node:crypto";
import { readFile } from "node:fs/promises";
import { Client } from "fhir-kit-client";

const IG = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition";
const TOPIC = "https://carepath.example/fhir/SubscriptionTopic/pathway-update";

const [base, id, keyFile, ...files] = process.argv.slice(2);
const client = new Client({ baseUrl: base });
const messages = await Promise.all(files.map(async (file) => JSON.parse(await readFile(file, "utf8"))));

const stranger = await client.search({ resourceType: "Patient" }).then(
  () => 200,
  ({ response }) => response.status,
);

const { tokenUrl } = await client.smartAuthMetadata();
const key = JSON.parse(await readFile(keyFile, "utf8"));
const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
const claims = { iss: id, sub: id, aud: tokenUrl.href, exp: Math.floor(Date.now() / 1000) + 120, jti: randomUUID() };
const signed = `${part({ alg: "ES384", typ: "JWT", kid: key.kid })}.${part(claims)}`;
const signature = sign("sha384", Buffer.from(signed), {
  key: createPrivateKey({ key, format: "jwk" }),
  dsaEncoding: "ieee-p1363",
}).toString("base64url");
const answer = await fetch(tokenUrl, {
  method: "POST",
  body: new URLSearchParams({
    grant_type: "client_credentials",
    scope: "system/*.cruds",
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    client_assertion: `${signed}.${signature}`,
  }),
});
const told = await answer.json();
if (!answer.ok) throw new Error(JSON.stringify(told));
client.bearerToken = told.access_token;

const capability = await client.capabilityStatement();
const responses = [];
for (const message of messages) {
  const receipt = await client.operation({ name: "process-message", input: message });
  responses.push(receipt.entry[0].resource.response.code);
}

const patient = messages[0].entry.find(({ resource }) => resource.resourceType === "Patient").resource;
const { system, value } = patient.identifier[0];
const found = await client.search({ resourceType: "Patient", searchParams: { identifier: `${system}|${value}` } });
const searchParams = { patient: found.entry[0].resource.id, _count: 1 };
const stays = [];
let page = await client.search({ resourceType: "Encounter", searchParams });
for (; page; page = await client.nextPage({ bundle: page })) {
  stays.push(...page.entry.map(({ resource }) => resource.id));
}

const subscription = await client.create({
  resourceType: "Subscription",
  body: {
    resourceType: "Subscription",
    status: "requested",
    reason: "To follow one patient",
    criteria: TOPIC,
    _criteria: {
      extension: [{ url: `${IG}/backport-filter-criteria`, valueString: `patient.identifier=${system}|${value}` }],
    },
    channel: {
      type: "websocket",
      payload: "application/fhir+json",
      _payload: { extension: [{ url: `${IG}/backport-payload-content`, valueCode: "id-only" }] },
    },
  },
});
await client.delete({ resourceType: "Subscription", id: subscription.id });

console.log(
  JSON.stringify({
    stranger,
    token_endpoint: tokenUrl.href,
    security: capability.rest[0].security.service[0].coding[0].code,
    responses,
    stays,
    subscription: subscription.status,
  }),
);
