// Prints what the official parser says of the AsyncAPI document at the path given: its version, the ids of its
// operations, and what it finds wrong (severity 0 error, 1 warning).
import { readFile } from "node:fs/promises";
import { Parser } from "@asyncapi/parser";

const { document, diagnostics } = await new Parser().parse(await readFile(process.argv[2], "utf8"));
const wrong = diagnostics
  .filter(({ severity }) => severity < 2)
  .map(({ severity, message, path }) => ({ severity, message, path: path.join("/") }));
const operations = document?.allOperations().all().map((operation) => operation.id()) ?? [];
console.log(JSON.stringify({ version: document?.version() ?? null, operations, wrong }));
