// node-hl7-client, the JavaScript MLLP client: builds an admission of its own, sends it and files of HL7 v2 over one
// connection, each when the one before is answered, and reads the answers.
// Usage: node hl7.mjs PORT SENDER PATIENT FILE…   (organisation number, national number)

import { readFile } from "node:fs/promises";
import { Client, Message } from "node-hl7-client";

const [port, sender, patient, ...files] = process.argv.slice(2);

const admission = new Message({
  messageHeader: { msh_9_1: "ADT", msh_9_2: "A01", msh_10: "NODE1", msh_11_1: "P" },
});
admission.set("MSH.4", sender);
admission.set("MSH.18", "UNICODE UTF-8");
const person = admission.addSegment("PID");
person.set("3.1", patient);
person.set("3.5", "FNR");
person.set("5.1", "Ødegård");
person.set("5.2", "Åse");
const stay = admission.addSegment("PV1");
stay.set("2", "I");
stay.set("19", "NODE");
stay.set("44", "20261120100000+0100");

const messages = [admission];
for (const file of files) {
  messages.push(new Message({ text: await readFile(file, "utf8") }));
}

const answers = [];
let answered;
const connection = new Client({ host: "127.0.0.1" }).createConnection(
  { port: Number(port) },
  (response) => {
    const message = response.getMessage();
    const at = (path) => (message.exists(path) ? message.get(path).toString() : "");
    answers.push({ code: at("MSA.1"), about: at("MSA.2"), place: at("ERR.2"), error: at("ERR.3.1") });
    answered();
  },
);
await new Promise((resolve) => connection.once("connect", resolve));
for (const message of messages) {
  const answer = new Promise((resolve) => (answered = resolve));
  await connection.sendMessage(message);
  await answer;
}
await connection.close();
console.log(JSON.stringify({ answers }));
